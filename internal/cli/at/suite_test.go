package at

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/testenv"
)

var (
	api        client.Client
	kubeconfig string
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(config *rest.Config) (err error) {
		folder, err := os.MkdirTemp("", "kubectl-at-")
		if err != nil {
			return err
		}
		kubeconfig = filepath.Join(folder, "kubeconfig")
		if err := testenv.WriteKubeconfig(config, kubeconfig); err != nil {
			return err
		}
		api, err = client.New(config, client.Options{Scheme: cli.Scheme()})
		return err
	}))
}

// present is the time of all commands.
var present = time.Date(2027, 3, 27, 12, 34, 56, 0, mustZone("Europe/Berlin"))

func mustZone(name string) *time.Location {
	location, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return location
}

// result is what a command printed, and its exit code.
type result struct {
	out, err string
	code     int
}

// kubectlAt runs the plugin in a namespace, with a text on standard input.
func kubectlAt(t *testing.T, namespace, stdin string, args ...string) result {
	t.Helper()
	var out, problem bytes.Buffer
	tool := cli.NewTool(genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &problem})
	tool.Now = func() time.Time { return present }
	config := kubeconfig // flags are written to
	tool.Flags.KubeConfig, tool.Flags.Namespace = &config, &namespace
	command := New(tool, "test")
	command.SetArgs(Arguments(args))
	return result{code: cli.Run(command, tool), out: out.String(), err: problem.String()}
}

// newNamespace creates a namespace for one test.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cli-"}}
	store(t, namespace)
	return namespace.Name
}

// store creates an object.
func store(t *testing.T, object client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// storeStatus sets an object's status as the operator would.
func storeStatus(t *testing.T, object client.Object) {
	t.Helper()
	if err := api.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// storedAt reads an At.
func storedAt(t *testing.T, namespace, name string) *cnatv1.At {
	t.Helper()
	at := &cnatv1.At{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, at); err != nil {
		t.Fatal(err)
	}
	return at
}

// newAt is an At that is due some time after the present.
func newAt(namespace, name string, after time.Duration) *cnatv1.At {
	at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	at.Spec.Schedule = &metav1.Time{Time: present.Add(after)}
	at.Spec.Command = "true"
	return at
}

var columns = regexp.MustCompile(` {3,}`)

// expect checks what a command printed: each text must be in standard output, or in standard error for a text that
// begins with "!". Columns are three spaces apart.
func (r result) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, not %d", r.code, code)
	}
	for _, text := range texts {
		in := columns.ReplaceAllString(r.out, "   ")
		if rest, found := strings.CutPrefix(text, "!"); found {
			text, in = rest, r.err
		}
		if !strings.Contains(in, text) {
			t.Errorf("it does not print %q", text)
		}
	}
	if t.Failed() {
		t.Logf("standard output:\n%s\nstandard error:\n%s", r.out, r.err)
	}
}

func clientKey(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}
