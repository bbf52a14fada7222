package database

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// demanding is a Database that needs every right that the policy asks for.
func demanding(namespace, name string) *v1.Database {
	return newDatabase(namespace, name).spec(func(spec *v1.DatabaseSpec) {
		spec.Service.Type = "LoadBalancer"
		spec.Evictions = v1.EvictionsRefused
		spec.Backup = &v1.DatabaseBackup{Schedule: "@daily"}
		spec.Monitoring = &v1.DatabaseMonitoring{}
	}).build()
}

// Who may not create one of the objects that a Database consists of gets none by a Database, be it created or changed.
func TestPolicyLendsNoRights(t *testing.T) {
	namespace := newNamespace(t)
	applyPolicy(t, namespace)
	rights := map[string]string{ // resources, and their groups
		"statefulsets": "apps", "networkpolicies": "networking.k8s.io", "services": "", "poddisruptionbudgets": "policy",
		"cronjobs": "batch", "servicemonitors": "monitoring.coreos.com",
	}
	all := userWith(t, namespace, "all", rights)
	for resource := range rights {
		rest := maps.Clone(rights)
		delete(rest, resource)
		user, want := userWith(t, namespace, "without-"+resource, rest), "may not create "+resource
		eventually(t, "a Database to be refused that needs "+resource, func() error { // the policy takes effect a moment later
			if err := user.Create(t.Context(), demanding(namespace, "refused"), client.DryRunAll); err == nil || !strings.Contains(err.Error(), want) {
				return fmt.Errorf("want %q, got %w", want, err)
			}
			return nil
		})
		plain := newDatabase(namespace, "plain-"+resource).build()
		eventually(t, "a plain Database", func() error { return all.Create(t.Context(), plain) }) // RBAC takes a moment, too
		plain.Spec = demanding(namespace, "").Spec
		if err := user.Update(t.Context(), plain); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("changed later: want %q, got %v", want, err)
		}
	}
	if err := all.Create(t.Context(), demanding(namespace, "accepted"), client.DryRunAll); err != nil {
		t.Errorf("with all rights: %v", err)
	}
	few := userWith(t, namespace, "few", map[string]string{"statefulsets": "apps", "networkpolicies": "networking.k8s.io"})
	eventually(t, "a Database without options", func() error { return few.Create(t.Context(), newDatabase(namespace, "plain").build()) })
}

// userWith is a user who may create Databases, and objects of some other resources.
func userWith(t *testing.T, namespace, name string, rights map[string]string) client.Client {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1.GroupVersion.Group}, Resources: []string{"databases"}, Verbs: []string{"*"}},
	}}
	for resource, group := range rights {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"create"}})
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: namespace + "-" + name}},
	}
	for _, object := range []client.Object{role, binding} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(apiConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: namespace + "-" + name}
	user, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return user
}
