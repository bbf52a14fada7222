package storageversion

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	"example.com/cnat-operator/internal/testenv"
)

// patience is far more than anything takes: the machine may be much slower.
const patience = 2 * time.Minute

var (
	apiConfig *rest.Config
	api       client.Client // of an administrator
	scheme    = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, cnatv1.AddToScheme, cnatv1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	os.Exit(testenv.Run(m, func(config *rest.Config) (err error) {
		apiConfig = config
		api, err = client.New(config, client.Options{Scheme: scheme})
		return err
	}))
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !check(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "stored-"}}
	must(t, api.Create(t.Context(), namespace))
	return namespace.Name
}

// asUser is a client of a user who has no rights yet.
func asUser(t *testing.T, name string) client.Client {
	t.Helper()
	config := rest.CopyConfig(apiConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:authenticated"}}
	user, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	return user
}

// grant gives a user the rights that the operator has, by config/rbac/role.yaml.
func grant(t *testing.T, user string) {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	must(t, err)
	for document := range bytes.SplitSeq(bytes.TrimPrefix(manifest, []byte("---\n")), []byte("\n---\n")) {
		role := &rbacv1.ClusterRole{}
		must(t, yaml.UnmarshalStrict(document, role))
		role.Name = user + "-" + role.Name
		must(t, api.Create(t.Context(), role))
		must(t, api.Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}))
	}
}

// steppedClock moves on while somebody waits for it.
func steppedClock(t *testing.T) *clocktesting.FakeClock {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Now())
	ctx := t.Context()
	go func() {
		for ; ctx.Err() == nil; time.Sleep(100 * time.Microsecond) {
			if clock.HasWaiters() {
				clock.Step(pause)
			}
		}
	}()
	return clock
}

// logged collects what is logged.
type logged struct {
	sync.Mutex
	lines []string
}

func (l *logged) into(ctx context.Context) context.Context {
	return logr.NewContext(ctx, funcr.New(func(_, line string) {
		l.Lock()
		defer l.Unlock()
		l.lines = append(l.lines, line)
	}, funcr.Options{}))
}

func (l *logged) all() []string {
	l.Lock()
	defer l.Unlock()
	return slices.Clone(l.lines)
}

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	must(t, api.Get(t.Context(), client.ObjectKey{Name: crdName}, crd))
	return crd
}

func storedVersions(t *testing.T) []string {
	t.Helper()
	return definition(t).Status.StoredVersions
}

// emptyPatch is a write without changes, by which an At is rewritten if it is stored in another version.
func emptyPatch(t *testing.T, at client.Object, options ...client.SubResourcePatchOption) error {
	t.Helper()
	return api.Status().Patch(t.Context(), at, client.RawPatch("application/merge-patch+json", []byte("{}")), options...)
}

func newAt(namespace, name string) *cnatv1alpha1.At {
	at := &cnatv1alpha1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	at.Spec.After, at.Spec.Command = &metav1.Duration{Duration: time.Hour}, "echo YAY"
	return at
}

// storeOld stores Ats by the CustomResourceDefinition of 0.2.0, which knows v1alpha1 only, and then upgrades that.
func storeOld(t *testing.T, ats ...*cnatv1alpha1.At) {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: crdName}}
	must(t, api.Delete(t.Context(), crd))
	eventually(t, "all Ats to be deleted", func() bool {
		return apierrors.IsNotFound(api.Get(t.Context(), client.ObjectKeyFromObject(crd), crd))
	})
	must(t, api.Create(t.Context(), readDefinition(t, "released", "0.2.0", "bundle", "manifests")))
	canary := newAt(newNamespace(t), "canary")
	eventually(t, "v1alpha1 to be served", func() bool { return api.Create(t.Context(), canary) == nil })
	createAll(t, ats)

	eventually(t, "the upgrade", func() bool {
		crd := definition(t)
		crd.Spec = readDefinition(t, "config", "crd", "bases").Spec
		return api.Update(t.Context(), crd) == nil
	})
	before := canary.ResourceVersion
	eventually(t, "the API server to store Ats as v1", func() bool {
		return emptyPatch(t, canary) == nil && canary.ResourceVersion != before
	})
	if stored := storedVersions(t); !slices.Equal(stored, []string{"v1alpha1", "v1"}) {
		t.Fatalf("stored versions are %v", stored)
	}
}

// createAll creates objects, some at a time.
func createAll(t *testing.T, ats []*cnatv1alpha1.At) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, 16)
	for _, at := range ats {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := api.Create(t.Context(), at); err != nil {
				t.Error(err)
			}
		})
	}
}

// readDefinition reads the CustomResourceDefinition in a folder of the repository.
func readDefinition(t *testing.T, folder ...string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	file := filepath.Join(append([]string{"..", ".."}, append(folder, "cnat.programming-kubernetes.info_ats.yaml")...)...)
	manifest, err := os.ReadFile(file)
	must(t, err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	must(t, yaml.Unmarshal(manifest, crd))
	return crd
}

// atsOf are the Ats of a namespace, by name.
func atsOf(t *testing.T, namespace string) map[string]cnatv1.At {
	t.Helper()
	list := &cnatv1.AtList{}
	must(t, api.List(t.Context(), list, client.InNamespace(namespace)))
	ats := map[string]cnatv1.At{}
	for _, at := range list.Items {
		ats[at.Name] = at
	}
	return ats
}
