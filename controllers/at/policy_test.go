package at

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// applyPolicy creates config/policy/at.yaml, for one namespace.
func applyPolicy(t *testing.T, namespace string) {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "config", "policy", "at.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
	for i, document := range strings.SplitN(string(manifest), "\n---\n", 2) {
		if err := yaml.UnmarshalStrict([]byte(document), []any{policy, binding}[i]); err != nil {
			t.Fatal(err)
		}
	}
	policy.Name, binding.Name, binding.Spec.PolicyName = namespace, namespace, namespace
	binding.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: only(namespace)}
	create(t, policy)
	create(t, binding)
}

// userWith is a user who may do all with Ats in a namespace, and no more than
// create Jobs there.
func userWith(t *testing.T, namespace, name string, jobs bool) client.Client {
	t.Helper()
	rules := []rbacv1.PolicyRule{{APIGroups: []string{cnatv1.GroupVersion.Group}, Resources: []string{"ats"}, Verbs: []string{"*"}}}
	if jobs {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"}})
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	create(t, &rbacv1.Role{ObjectMeta: meta, Rules: rules})
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})
	config := rest.CopyConfig(apiConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: name}
	user, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// Who may not create Jobs gets none by an At either: neither by creating one, nor
// by any edit of its spec. Metadata, and reading, are as RBAC says.
func TestPolicyLendsNoRights(t *testing.T) {
	const no = "may not create jobs.batch in namespace"
	edits := map[string]func(*cnatv1.At){
		"un-suspend": func(at *cnatv1.At) { at.Spec.Suspend = nil },
		"move":       func(at *cnatv1.At) { at.Spec.Schedule = ptr.To(metav1.Now()) },
		"cancel":     func(at *cnatv1.At) { at.Spec.Cancel = ptr.To(true) },
		"template": func(at *cnatv1.At) {
			at.Spec.Template.Spec.ServiceAccountName = "admin"
		},
		"container": func(at *cnatv1.At) { at.Spec.Template.Spec.Containers[0].Image = "evil" },
		"command for template": func(at *cnatv1.At) {
			at.Spec.Template, at.Spec.Command = nil, "evil"
		},
	}
	namespace := newNamespace(t)
	applyPolicy(t, namespace)
	with, without := userWith(t, namespace, "with-jobs", true), userWith(t, namespace, "ats-only", false)
	suspended := func(name string) *cnatv1.At {
		return &cnatv1.At{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: name},
			Spec: cnatv1.AtSpec{
				Schedule: ptr.To(metav1.NewTime(time.Now().Add(time.Hour))), Suspend: ptr.To(true),
				Run: runv1.Run{Template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}}},
			},
		}
	}
	eventually(t, "the policy to be in force", func() (bool, error) {
		err := without.Create(t.Context(), suspended("created-"))
		if err != nil && strings.Contains(err.Error(), no) {
			return true, nil
		}
		return false, err
	})

	at := suspended("edited-")
	eventually(t, "who may create Jobs to create an At", func() (bool, error) {
		err := with.Create(t.Context(), at)
		return err == nil, err
	})
	for name, edit := range edits {
		edited := at.DeepCopy()
		edit(edited)
		if err := without.Update(t.Context(), edited, client.DryRunAll); err == nil || !strings.Contains(err.Error(), no) {
			t.Errorf("%s without the right to Jobs: got %v, want a refusal", name, err)
		}
		edited = at.DeepCopy()
		edit(edited)
		if err := with.Update(t.Context(), edited, client.DryRunAll); err != nil {
			t.Errorf("%s with the right to Jobs: %v", name, err)
		}
	}
	at.Labels = map[string]string{"a": "b"}
	if err := without.Update(t.Context(), at); err != nil {
		t.Errorf("a label without the right to Jobs: %v", err)
	}
}

// A user's write is judged in whichever version of the API it is made.
func TestPolicyJudgesBothVersions(t *testing.T) {
	namespace := newNamespace(t)
	applyPolicy(t, namespace)
	with, without := userWith(t, namespace, "with-jobs-too", true), userWith(t, namespace, "ats-only-too", false)
	for _, version := range []string{"v1", "v1alpha1"} {
		t.Run(version, func(t *testing.T) {
			at := &unstructured.Unstructured{}
			at.SetAPIVersion(cnatv1.GroupVersion.Group + "/" + version)
			at.SetKind("At")
			at.SetNamespace(namespace)
			at.SetName(version)
			at.Object["spec"] = map[string]any{"after": "1h", "command": "echo YAY"}
			refused := func(err error) bool {
				return err != nil && strings.Contains(err.Error(), "may not create jobs.batch in namespace")
			}
			eventually(t, "its creation to be refused", func() (bool, error) {
				return refused(without.Create(t.Context(), at.DeepCopy(), client.DryRunAll)), nil
			})
			eventually(t, "who may create Jobs to create it", func() (bool, error) {
				err := with.Create(t.Context(), at)
				return err == nil, err
			})
			at.Object["spec"] = map[string]any{"after": "2h", "command": "echo YAY"}
			if err := without.Update(t.Context(), at); !refused(err) {
				t.Errorf("its update: got %v, want a refusal", err)
			}
		})
	}
}

// What costs more to compare than a rule of the CRD may, the policy compares.
func TestPolicyRefusesEditsWithoutEffect(t *testing.T) {
	template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}}
	specs := map[string]cnatv1.AtSpec{
		"template":   {Run: runv1.Run{Template: template}},
		"containers": {Run: runv1.Run{Containers: template.Spec.Containers}},
	}
	states := map[string]func(*cnatv1.At){
		"started":   startedAs("job-uid"),
		"missed":    inPhase(cnatv1.AtMissed),
		"cancelled": inPhase(cnatv1.AtCancelled),
	}
	namespace := newNamespace(t)
	applyPolicy(t, namespace)
	for what, spec := range specs {
		for state, enter := range states {
			t.Run(what+" "+state, func(t *testing.T) {
				at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: what + "-" + state}, Spec: *spec.DeepCopy()}
				at.Spec.After = &metav1.Duration{Duration: time.Hour}
				create(t, at)
				enter(at)
				if err := api.Status().Update(t.Context(), at); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the edit to be refused", func() (bool, error) {
					edited := at.DeepCopy()
					if edited.Spec.Template != nil {
						edited.Spec.Template.Labels = map[string]string{"a": "b"}
					} else {
						edited.Spec.Containers[0].Image = "c"
					}
					err := api.Update(t.Context(), edited, client.DryRunAll)
					if err != nil && strings.Contains(err.Error(), "create a new At") {
						return true, nil
					}
					return false, err
				})
				at.Spec.TTLSecondsAfterFinished = ptr.To[int32](1)
				if err := api.Update(t.Context(), at); err != nil {
					t.Errorf("the time to live: %v", err)
				}
			})
		}
	}
}
