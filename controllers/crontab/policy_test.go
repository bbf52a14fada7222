package crontab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

// applyPolicies creates what config/policy/crontab.yaml has, for one namespace.
func applyPolicies(t *testing.T, namespace string) {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "config", "policy", "crontab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
		if strings.Contains(document, "kind: ValidatingAdmissionPolicyBinding") {
			err = yaml.UnmarshalStrict([]byte(document), binding)
			binding.Name, binding.Spec.PolicyName = namespace+"-"+binding.Name, namespace+"-"+binding.Spec.PolicyName
			binding.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: namespace},
			}}
			create(t, binding)
		} else {
			err = yaml.UnmarshalStrict([]byte(document), policy)
			policy.Name = namespace + "-" + policy.Name
			create(t, policy)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// warnings are what the API server warned a user of.
type warnings struct {
	sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.Lock()
	defer w.Unlock()
	w.texts = append(w.texts, text)
}

// userWith is a user who may do all with CronTabs in a namespace, and no more than create Jobs there.
func userWith(t *testing.T, namespace, name string, jobs bool) (client.Client, *warnings) {
	t.Helper()
	rules := []rbacv1.PolicyRule{{APIGroups: []string{v1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"}}}
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
	heard := &warnings{}
	config := rest.CopyConfig(apiConfig)
	config.Impersonate, config.WarningHandler = rest.ImpersonationConfig{UserName: name}, heard
	user, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return user, heard
}

func dailyTab(namespace string) *v1.CronTab {
	return &v1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "tab-"},
		Spec:       v1.CronTabSpec{CronSpec: "@daily", RunSpec: v1.RunSpec{Image: "i"}},
	}
}

// Who may not create Jobs gets none by a CronTab either: not by creating or editing one, by scaling it, or by asking for a run.
func TestPolicyLendsNoRights(t *testing.T) {
	const no = "may not create jobs.batch in namespace"
	namespace := newNamespace(t)
	applyPolicies(t, namespace)
	with, _ := userWith(t, namespace, "with-jobs", true)
	without, _ := userWith(t, namespace, "crontabs-only", false)
	eventually(t, "the policy to be in force", func() (bool, error) {
		err := without.Create(t.Context(), dailyTab(namespace), client.DryRunAll)
		if err != nil && strings.Contains(err.Error(), no) {
			return true, nil
		}
		return false, err
	})
	tab := dailyTab(namespace)
	if err := with.Create(t.Context(), tab); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*v1.CronTab){
		"image":   func(tab *v1.CronTab) { tab.Spec.Image = "evil" },
		"suspend": func(tab *v1.CronTab) { tab.Spec.Suspend = ptr.To(true) },
		"run now": func(tab *v1.CronTab) { tab.Annotations = map[string]string{v1.AnnotationRunRequest: "now"} },
	} {
		edited := tab.DeepCopy()
		edit(edited)
		if err := without.Update(t.Context(), edited, client.DryRunAll); err == nil || !strings.Contains(err.Error(), no) {
			t.Errorf("%s without the right to Jobs: %v", name, err)
		}
		edited = tab.DeepCopy()
		edit(edited)
		if err := with.Update(t.Context(), edited, client.DryRunAll); err != nil {
			t.Errorf("%s with the right to Jobs: %v", name, err)
		}
	}
	scale := func(user client.Client) error {
		desired := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
		return user.SubResource("scale").Update(t.Context(), tab.DeepCopy(), client.WithSubResourceBody(desired))
	}
	if err := scale(without); err == nil || !strings.Contains(err.Error(), no) {
		t.Errorf("scaled without the right to Jobs: %v", err)
	}
	if err := scale(with); err != nil {
		t.Errorf("scaled with the right to Jobs: %v", err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(tab), tab); err != nil || tab.Spec.Replicas != 3 {
		t.Errorf("%v; %d replicas", err, tab.Spec.Replicas)
	}
	tab.Labels = map[string]string{"team": "a"}
	if err := without.Update(t.Context(), tab); err != nil {
		t.Errorf("a label: %v", err)
	}
}

// What is read in another way than it may be meant is taken with a warning, and nothing else is.
func TestWarnings(t *testing.T) {
	namespace := newNamespace(t)
	applyPolicies(t, namespace)
	user, heard := userWith(t, namespace, "warned", true)
	try := func(expression string) ([]string, error) {
		heard.texts = nil
		tab := dailyTab(namespace)
		tab.Spec.CronSpec = expression
		err := user.Create(t.Context(), tab, client.DryRunAll)
		return slices.Clone(heard.texts), err
	}
	eventually(t, "the policy and the user's rights to be in force", func() (bool, error) {
		texts, err := try("* * * * /5")
		return len(texts) > 0, err
	})
	for expression, want := range map[string]string{
		"* * * * /5": "*/n", "* 3 * * *": "every minute", "5/20 * * * *": "5/15 is read as 5-59/15",
		"* * * * *": "", "*/5 * * * *": "", "0 2 * * mon": "", "@hourly": "", "10-50/20 3 * * *": "",
	} {
		texts, err := try(expression)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(texts, "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %s", expression, got)
		}
	}
}
