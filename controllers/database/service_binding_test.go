package database

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
)

// What an implementation of the Service Binding Specification does, with no more than the rights that the operator's role
// gives to it: it finds the CRD by its label, reads a Database as any resource, and from it the Secret's name.
func TestProvisionedService(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "provisioned").password("a&b").create(t)
	becomeReady(t, db)
	runtime := serviceBindingRuntime(t)

	crd := &apiextensionsv1.CustomResourceDefinition{}
	readYAML(t, filepath.Join("config", "crd", "bases", "example.com_databases.yaml"), crd)
	if crd.Labels["servicebinding.io/provisioned-service"] != "true" {
		t.Errorf("the CRD's labels are %v", crd.Labels)
	}
	service := &unstructured.Unstructured{}
	service.SetGroupVersionKind(v1.GroupVersion.WithKind(crd.Spec.Names.Kind))
	eventually(t, "the role to be in force", func() error {
		return runtime.Get(t.Context(), client.ObjectKeyFromObject(db), service)
	})
	name, found, err := unstructured.NestedString(service.Object, "status", "binding", "name")
	if err != nil || !found {
		t.Fatalf("status.binding.name: %v, %v", found, err)
	}
	secret := named(&corev1.Secret{}, namespace, name)
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	if secret.Type != "servicebinding.io/postgresql" || string(secret.Data["type"]) != "postgresql" || string(secret.Data["password"]) != "a&b" {
		t.Errorf("type %s, %s", secret.Type, secret.Data)
	}

	service.SetAnnotations(map[string]string{"x": "y"})
	if err := runtime.Update(t.Context(), service); !apierrors.IsForbidden(err) {
		t.Errorf("it may change a Database: %v", err)
	}
	if err := runtime.List(t.Context(), &corev1.SecretList{}, client.InNamespace(namespace)); !apierrors.IsForbidden(err) {
		t.Errorf("it may read Secrets by the operator's role: %v", err)
	}
}

// serviceBindingRuntime is a client that has the rights of config/rbac/service_binding_role.yaml.
func serviceBindingRuntime(t *testing.T) client.Client {
	t.Helper()
	const name = "service-binding-runtime"
	role := &rbacv1.ClusterRole{}
	readYAML(t, filepath.Join("config", "rbac", "service_binding_role.yaml"), role)
	if role.Labels["servicebinding.io/controller"] != "true" {
		t.Errorf("no implementation aggregates the role: its labels are %v", role.Labels)
	}
	for _, object := range []client.Object{role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = api.Delete(t.Context(), object) })
	}
	config := rest.CopyConfig(apiConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: name}
	runtime, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return runtime
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", path))
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
