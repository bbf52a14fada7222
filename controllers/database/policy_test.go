package database

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
)

// applyPolicy creates config/policy/database.yaml, for one namespace.
func applyPolicy(t *testing.T, namespace string) {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "config", "policy", "database.yaml"))
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
	binding.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
		MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace},
	}}
	for _, object := range []client.Object{policy, binding} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = api.Delete(t.Context(), object) })
	}
}

// Who may not create Services gets none that reaches beyond the cluster by a Database.
func TestPolicyLendsNoServices(t *testing.T) {
	namespace := newNamespace(t)
	applyPolicy(t, namespace)
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "no-services"}
	create := []string{"create"}
	for _, object := range []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1.GroupVersion.Group}, Resources: []string{"databases"}, Verbs: []string{"*"}},
			{APIGroups: []string{"apps"}, Resources: []string{"statefulsets"}, Verbs: create},
			{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: create},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: meta.Name}},
		},
	} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(apiConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: meta.Name}
	user, err := client.New(config, client.Options{Scheme: api.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	reaching := func() *v1.Database {
		return newDatabase(namespace, "reaching").spec(func(spec *v1.DatabaseSpec) { spec.Service.Type = "LoadBalancer" }).build()
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := user.Create(t.Context(), reaching(), client.DryRunAll)
		if err != nil && strings.Contains(err.Error(), "may not create services in namespace "+namespace) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a Service that reaches beyond the cluster: %v", err)
		}
	}
	plain := newDatabase(namespace, "plain").build()
	if err := user.Create(t.Context(), plain); err != nil {
		t.Fatalf("a Database without one: %v", err)
	}
	plain.Spec.Service.Type = "NodePort"
	if err := user.Update(t.Context(), plain); err == nil || !strings.Contains(err.Error(), "may not create services") {
		t.Errorf("a Service that reaches beyond the cluster, later: %v", err)
	}
}
