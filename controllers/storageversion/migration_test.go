package storageversion

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	"example.com/cnat-operator/internal/testenv"
)

func TestVersions(t *testing.T) {
	tests := map[string]struct {
		storage string   // the version that is stored
		stored  []string // status.storedVersions
		older   []string // what may be stored in versions other than that
	}{
		"new installation":          {"v1", []string{"v1"}, nil},
		"after an upgrade":          {"v1", []string{"v1alpha1", "v1"}, []string{"v1alpha1"}},
		"upgraded, nothing written": {"v1", []string{"v1alpha1"}, []string{"v1alpha1"}},
		"on the way back":           {"v1alpha1", []string{"v1alpha1", "v1"}, []string{"v1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			crd := &apiextensionsv1.CustomResourceDefinition{}
			for _, version := range []string{"v1", "v1alpha1"} {
				crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
					Name: version, Storage: version == test.storage,
				})
			}
			crd.Status.StoredVersions = test.stored
			if current, older := versions(crd); current != test.storage || !slices.Equal(older, test.older) {
				t.Errorf("got %s, %v", current, older)
			}
		})
	}
}

// A thousand Ats that are stored as v1alpha1 can be read without that version, are what they were, and were written at a
// pace. All of it takes no more than the rights that the operator has, and the first try is made without them.
func TestMigration(t *testing.T) {
	const count = 1000
	namespace := newNamespace(t)
	var ats []*cnatv1alpha1.At
	for i := range count {
		ats = append(ats, newAt(namespace, fmt.Sprintf("at-%d", i)))
	}
	// What a newer rule refuses in new Ats stays in this one.
	ats[0].Spec.Command, ats[0].Spec.Containers = "", []corev1.Container{
		{Name: "a", Image: "b", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyOnFailure)},
	}
	storeOld(t, ats...)
	before := atsOf(t, namespace)

	user, log, clock := asUser(t, "operator"), &logged{}, steppedClock(t)
	start := clock.Now()
	ended := make(chan error, 1)
	go func() {
		ended <- (&Migration{Client: user, APIReader: user, Clock: clock}).Start(log.into(t.Context()))
	}()
	eventually(t, "the first try to fail", func() bool { return len(log.all()) > 0 })
	grant(t, "operator")
	must(t, <-ended)
	if lines := log.all(); !strings.Contains(lines[0], "forbidden") || !strings.Contains(lines[len(lines)-1], "All Ats are stored") {
		t.Errorf("the log is %v", lines)
	}
	if took, least := clock.Since(start), settle+retry+count*pause; took < least {
		t.Errorf("it took %s, want at least %s", took, least)
	}
	if stored := storedVersions(t); !slices.Equal(stored, []string{"v1"}) {
		t.Errorf("stored versions are %v", stored)
	}
	after := atsOf(t, namespace)
	for name, was := range before {
		is := after[name]
		if is.ResourceVersion == was.ResourceVersion {
			t.Fatalf("%s was not rewritten", name)
		}
		is.ResourceVersion, was.ResourceVersion = "", ""
		is.ManagedFields, was.ManagedFields = nil, nil
		if !reflect.DeepEqual(is, was) { // its generation and UID, too: what is prepared for it stays
			t.Fatalf("%s was\n%+v\nand is\n%+v", name, was, is)
		}
	}
	readWithoutOld(t, namespace, count)
}

// readWithoutOld reads Ats by a CustomResourceDefinition without v1alpha1: what is stored as that can't be read.
func readWithoutOld(t *testing.T, namespace string, count int) {
	t.Helper()
	crd := definition(t)
	crd.Spec.Versions = slices.DeleteFunc(crd.Spec.Versions, func(version apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return version.Name == "v1alpha1"
	})
	must(t, api.Update(t.Context(), crd))
	eventually(t, "v1alpha1 not to be served", func() bool {
		fresh, err := client.New(apiConfig, client.Options{Scheme: scheme}) // others know the versions of before
		return err == nil && meta.IsNoMatchError(fresh.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "at-0"}, newAt("", "")))
	})
	if got := len(atsOf(t, namespace)); got != count {
		t.Errorf("%d Ats are there, want %d", got, count)
	}
}

// What is stored in the current version is not written again, as after a leader that ended half-way.
func TestRewrittenOnce(t *testing.T) {
	namespace := newNamespace(t)
	storeOld(t, newAt(namespace, "cnrex"))
	m := &Migration{Client: api}
	first := atsOf(t, namespace)["cnrex"].ResourceVersion
	must(t, m.rewrite(t.Context(), "v1", client.ObjectKey{Namespace: namespace, Name: "cnrex"}))
	second := atsOf(t, namespace)["cnrex"].ResourceVersion
	must(t, m.rewrite(t.Context(), "v1", client.ObjectKey{Namespace: namespace, Name: "cnrex"}))
	if third := atsOf(t, namespace)["cnrex"].ResourceVersion; first == second || second != third {
		t.Errorf("resource versions %s, %s, %s", first, second, third)
	}
	must(t, m.rewrite(t.Context(), "v1", client.ObjectKey{Namespace: namespace, Name: "deleted"}))
}

// One At that a policy refuses keeps no other from being rewritten, and v1alpha1 in the status until it is let through.
func TestRefused(t *testing.T) {
	namespace := newNamespace(t)
	storeOld(t, newAt(namespace, "a"), newAt(namespace, "held"), newAt(namespace, "z"))
	policy := refuse(t, namespace, "held")
	before := atsOf(t, namespace)
	m := &Migration{Client: api, APIReader: api, Clock: steppedClock(t)}
	err := m.migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "can't be rewritten; the first: rewriting At "+namespace+"/held") {
		t.Errorf("got %v", err)
	}
	for name, at := range atsOf(t, namespace) {
		if rewritten := at.ResourceVersion != before[name].ResourceVersion; rewritten != (name != "held") {
			t.Errorf("%s was rewritten: %t", name, rewritten)
		}
	}
	if stored := storedVersions(t); !slices.Contains(stored, "v1alpha1") {
		t.Errorf("stored versions are %v", stored)
	}
	must(t, api.Delete(t.Context(), policy))
	eventually(t, "the migration to be let through", func() bool { return m.migrate(t.Context()) == nil })
	if stored := storedVersions(t); !slices.Equal(stored, []string{"v1"}) {
		t.Errorf("stored versions are %v", stored)
	}
}

// refuse has the API server refuse each write of the status of an At.
func refuse(t *testing.T, namespace, name string) client.Object {
	t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	policy.Spec.FailurePolicy = ptr.To(admissionv1.Fail)
	policy.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Update},
			Rule: admissionv1.Rule{
				APIGroups: []string{cnatv1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"ats/status"},
			},
		},
	}}}
	policy.Spec.Validations = []admissionv1.Validation{{Expression: "object.metadata.name != '" + name + "'"}}
	must(t, api.Create(t.Context(), policy))
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	binding.Spec.PolicyName = namespace
	binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
	must(t, api.Create(t.Context(), binding))
	eventually(t, "the policy to be in force", func() bool {
		return emptyPatch(t, newAt(namespace, name), client.DryRunAll) != nil
	})
	return binding
}

// An operator that watches some namespaces only says so once, and changes nothing.
func TestNamespaced(t *testing.T) {
	namespace := newNamespace(t)
	storeOld(t, newAt(namespace, "cnrex"))
	before, stored, log := atsOf(t, namespace), storedVersions(t), &logged{}
	m := &Migration{Client: api, APIReader: api, Clock: steppedClock(t), Namespaced: true}
	must(t, m.Start(log.into(t.Context())))
	if lines := log.all(); len(lines) != 1 || !strings.Contains(lines[0], "admin-guide.md") {
		t.Errorf("the log is %v", lines)
	}
	if !reflect.DeepEqual(atsOf(t, namespace), before) || !slices.Equal(storedVersions(t), stored) {
		t.Error("it has changed something")
	}
}

// Where the definition has changed since it was read, the versions stay in its status.
func TestDefinitionChangedMeanwhile(t *testing.T) {
	storeOld(t)
	m := &Migration{Client: api, APIReader: api, Clock: clock.RealClock{}}
	before := definition(t)
	if err := m.finish(t.Context(), before.Generation-1, "v1"); !errors.Is(err, errChanged) {
		t.Errorf("got %v", err)
	}
	if stored := storedVersions(t); !slices.Equal(stored, before.Status.StoredVersions) {
		t.Errorf("stored versions are %v", stored)
	}
	must(t, m.finish(t.Context(), before.Generation, "v1"))
}

// The definition of 0.2.0 can't be applied any more: without v1, Ats could not be read.
func TestOlderDefinitionIsRefused(t *testing.T) {
	crd := definition(t)
	crd.Spec = readDefinition(t, "released", "0.2.0", "bundle", "manifests").Spec
	err := api.Update(t.Context(), crd, client.DryRunAll)
	if err == nil || !strings.Contains(err.Error(), "status.storedVersions") {
		t.Errorf("got %v", err)
	}
}

// The commands of the administrator's guide do the same.
func TestCommands(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "admin-guide.md"))
	must(t, err)
	_, text, _ := strings.Cut(string(guide), "\n## Stored versions\n")
	_, text, _ = strings.Cut(text, "\n```sh\n")
	commands, _, found := strings.Cut(text, "\n```\n")
	if !found {
		t.Fatal("the guide has no commands")
	}
	namespace := newNamespace(t)
	storeOld(t, newAt(namespace, "cnrex"), newAt(namespace, "yay"))
	before := atsOf(t, namespace)

	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, testenv.WriteKubeconfig(apiConfig, kubeconfig))
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	must(t, err)
	command := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+t.TempDir(),
		"PATH="+os.Getenv("KUBEBUILDER_ASSETS")+":"+bin+":"+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for name, at := range atsOf(t, namespace) {
		if at.ResourceVersion == before[name].ResourceVersion {
			t.Errorf("%s was not rewritten", name)
		}
	}
	if stored := storedVersions(t); !slices.Equal(stored, []string{"v1"}) {
		t.Errorf("stored versions are %v", stored)
	}
}
