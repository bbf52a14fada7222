package testenv

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FullTemplate returns a pod template with each field that a run's pod may have.
func FullTemplate() *corev1.PodTemplateSpec {
	template := &corev1.PodTemplateSpec{}
	fill(reflect.ValueOf(template).Elem())
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	for i := range template.Spec.InitContainers {
		template.Spec.InitContainers[i].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	}
	return template
}

// StoresWhole tests that the API server stores the whole spec of an object, whose kind must be set: a schema that lacks a
// field of the Go type would drop it.
func StoresWhole(t *testing.T, api client.Client, object client.Object) {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	stored := &unstructured.Unstructured{Object: content}
	want := stored.DeepCopy().Object["spec"]
	if err := api.Create(t.Context(), stored, client.FieldValidation("Strict")); err != nil {
		t.Fatal(err)
	}
	if got := stored.Object["spec"]; !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("stored is\n%v\nwant\n%v", got, want)
	}
}

// fill gives each field below a value that is not its zero, other than those that a run's pod may not have.
func fill(value reflect.Value) {
	switch into := value.Addr().Interface().(type) {
	case *metav1.ObjectMeta:
		into.Labels, into.Annotations = map[string]string{"a": "b"}, map[string]string{"c": "d"}
		return
	case *resource.Quantity:
		*into = resource.MustParse("1")
		return
	case *intstr.IntOrString:
		*into = intstr.FromInt32(1)
		return
	case *metav1.Time:
		*into = metav1.NewTime(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC))
		return
	case **corev1.ContainerRestartPolicy:
		*into = ptr.To(corev1.ContainerRestartPolicy(corev1.RestartPolicyNever))
		return
	case *[]corev1.ContainerRestartRule:
		return
	}
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			fill(value.Field(i))
		}
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("k").Convert(value.Type().Key()), element)
	case reflect.String:
		value.SetString("x")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8:
		value.Set(reflect.ValueOf(1).Convert(value.Type()))
	default:
		panic("no value for a " + value.Type().String())
	}
}
