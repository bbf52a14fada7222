package helm

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/diff"
)

// The chart is no fork: with its default values, and what is optional switched on, it gives the objects that kustomize
// gives, rules of RBAC, CRDs and policies included.
func TestSameObjectsAsKustomize(t *testing.T) {
	want := map[string]*unstructured.Unstructured{}
	for _, folder := range []string{"default", "prometheus", "grafana", "network-policy"} {
		manifests, err := tool("kustomize", "build", "config/"+folder)
		if err != nil {
			t.Fatal(err)
		}
		for name, object := range objects(t, manifests) {
			want[name] = byHelm(t, object)
		}
	}
	delete(want, "Namespace/cnat-operator-system") // Helm creates it
	got := rendered(t, "cnat-operator-system", all...)
	if len(want) < 20 {
		t.Fatalf("kustomize gives only %d objects", len(want))
	}
	for name, object := range want {
		if got[name] == nil {
			t.Errorf("the chart has no %s", name)
			continue
		}
		if object.GetKind() == "Deployment" {
			got[name] = whole(t, deployment(t, got[name]))
		}
		if !equality.Semantic.DeepEqual(object.Object, got[name].Object) {
			t.Errorf("%s: config has -, the chart +:\n%s", name, diff.Diff(object.Object, got[name].Object))
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("only the chart has %s", name)
	}
}

// byHelm changes an object of config to what differs in the chart on purpose.
func byHelm(t *testing.T, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	if labels := object.GetLabels(); labels["app.kubernetes.io/managed-by"] == "kustomize" {
		labels["app.kubernetes.io/managed-by"] = "Helm"
		object.SetLabels(labels)
	}
	switch object.GetKind() {
	case "CustomResourceDefinition":
		annotations := object.GetAnnotations()
		annotations["helm.sh/resource-policy"] = "keep"
		object.SetAnnotations(annotations)
	case "Deployment": // which namespaces are watched is a value, in the place of OLM's annotation
		d := deployment(t, object)
		env := d.Spec.Template.Spec.Containers[0].Env
		if last := &env[len(env)-1]; last.Name == "WATCH_NAMESPACE" {
			last.ValueFrom = nil
		}
		return whole(t, d)
	}
	return object
}

// whole is a Deployment without its empty fields.
func whole(t *testing.T, d *appsv1.Deployment) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d)
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}

func deployment(t *testing.T, object *unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, d); err != nil {
		t.Fatal(err)
	}
	return d
}
