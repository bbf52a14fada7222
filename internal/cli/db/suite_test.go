package db

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/testenv"
)

var (
	api        client.Client
	kubeconfig string
)

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "kubectl-db")
	if err != nil {
		panic(err)
	}
	kubeconfig = filepath.Join(folder, "kubeconfig")
	code := testenv.Run(m, func(config *rest.Config) (err error) {
		if api, err = client.New(config, client.Options{Scheme: cli.Scheme()}); err != nil {
			return err
		}
		return testenv.WriteKubeconfig(config, kubeconfig)
	})
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// now is the present of the commands in tests.
var now = time.Date(2027, 7, 3, 12, 0, 0, 0, time.UTC)

// plugin runs the plugin as a user would, and returns what it printed and its exit code.
func plugin(t *testing.T, namespace string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	tool := cli.NewTool(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	tool.Now = func() time.Time { return now }
	command := New(tool, "test")
	command.SetArgs(append(args, "--kubeconfig="+kubeconfig, "--namespace="+namespace))
	code = cli.Run(command, tool)
	return out.String(), errOut.String(), code
}

// succeeds runs the plugin, which must succeed.
func succeeds(t *testing.T, namespace string, args ...string) string {
	t.Helper()
	stdout, stderr, code := plugin(t, namespace, args...)
	if code != 0 {
		t.Fatalf("kubectl db %v: exit code %d: %s", args, code, stderr)
	}
	return stdout
}

// fails runs the plugin, which must fail with the words.
func fails(t *testing.T, words, namespace string, args ...string) {
	t.Helper()
	stdout, stderr, code := plugin(t, namespace, args...)
	if code != 1 || !strings.Contains(stderr, words) {
		t.Errorf("kubectl db %v: exit code %d\n%s%s\nwant 1 and %q", args, code, stdout, stderr, words)
	}
}

// contains tests that a text has all the words.
func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("got\n%s\nwithout %q", text, word)
		}
	}
}

// newNamespace makes a namespace for one test.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "db-"}}
	create(t, namespace)
	return namespace.Name
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// newDatabase creates a Database, and plays the operator that writes its status.
func newDatabase(t *testing.T, namespace, name string, spec v1.DatabaseSpec, status v1.DatabaseStatus) *v1.Database {
	t.Helper()
	db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
	create(t, db)
	writeStatus(t, db, status)
	return db
}

func writeStatus(t *testing.T, db *v1.Database, status v1.DatabaseStatus) {
	t.Helper()
	status.ObservedGeneration = db.Generation
	db.Status = status
	if err := api.Status().Update(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, object client.Object) {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
}

// user lets a user named like the namespace do only this there, and returns the flag to be that user.
func user(t *testing.T, namespace string, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "user"}, Rules: rules}
	create(t, role, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "user"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: namespace}},
	})
	if len(rules) == 0 {
		return "--as=" + namespace
	}
	// RBAC takes a moment to see them.
	verb, group, resource := rules[0].Verbs[0], rules[0].APIGroups[0], rules[0].Resources[0]
	resource, subresource, _ := strings.Cut(resource, "/")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: namespace, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: verb, Group: group, Resource: resource, Subresource: subresource,
			},
		}}
		if err := api.Create(t.Context(), review); err != nil || time.Now().After(deadline) {
			t.Fatalf("waiting for the user's rights: %v", err)
		}
		if review.Status.Allowed {
			return "--as=" + namespace
		}
	}
}

// databases is the right to do something with Databases.
func databases(verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{v1.GroupVersion.Group}, Resources: []string{"databases"}, Verbs: verbs}
}

// complete runs the hidden command by which shells complete, and returns what it prints for them.
func complete(t *testing.T, args []string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	tool := cli.NewTool(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	command := New(tool, "test")
	command.SetArgs(args)
	if code := cli.Run(command, tool); code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, errOut.String())
	}
	return out.String()
}
