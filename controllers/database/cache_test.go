package database

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/controllers/database/step"
)

// What is cached of an object has a bound, whatever a user writes into it.
func TestCachedIsBounded(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	many := map[string]string{}
	for n := range 1000 {
		many[fmt.Sprint("key", n)] = "x"
	}
	for name, data := range map[string]map[string]string{
		"a large value": {"start.sh": large}, "a large key": {large: "x"}, "many keys": many,
	} {
		object, err := slim(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}},
				Annotations:   map[string]string{"theirs": "x", "example.com/large": large, "example.com/ours": "x"},
			},
			Data: data, BinaryData: map[string][]byte{"b": []byte(large)},
		})
		config := object.(*corev1.ConfigMap)
		if size := len(encoded(t, config)); err != nil || size > 16<<10 || config.ManagedFields != nil || len(config.Annotations) != 1 {
			t.Errorf("%s: %d bytes, %v", name, size, err)
		}
	}
	object, err := slim(&corev1.Secret{Data: map[string][]byte{"a": []byte(large), step.PasswordKey: []byte("secret")}})
	if secret := object.(*corev1.Secret); err != nil || len(secret.Data) != 1 || string(secret.Data[step.PasswordKey]) != "secret" {
		t.Errorf("cached %d keys, %v", len(secret.Data), err)
	}
}

// An informer may transform an object that it has transformed before.
func TestWhatIsCachedIsTransformedOnce(t *testing.T) {
	config := &corev1.ConfigMap{Data: map[string]string{"start.sh": "echo"}}
	once, err := slim(config)
	if err != nil {
		t.Fatal(err)
	}
	first := once.(*corev1.ConfigMap).DeepCopy()
	twice, err := slim(once)
	if second := twice.(*corev1.ConfigMap); err != nil || second.Data["start.sh"] != first.Data["start.sh"] {
		t.Errorf("%v, and then %v: %v", first.Data, second.Data, err)
	}
}

// Objects of any kind that a user puts into the cache by the label take no more than a bounded amount of it each.
func TestLargeObjectsAreNotCached(t *testing.T) {
	large := strings.Repeat("x", 500_000)
	many := map[string]string{}
	for n := range 5000 {
		many[fmt.Sprint("label", n)] = "x"
	}
	env := []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "e", Value: large}}}}
	objects := CachedObjects()
	for kind, by := range objects {
		for name, fill := range map[string]func(client.Object){
			"labels":      func(o client.Object) { o.SetLabels(many) },
			"annotations": func(o client.Object) { o.SetAnnotations(map[string]string{"a": large[:200_000]}) },
			"finalizers":  func(o client.Object) { o.SetFinalizers([]string{large}) },
			"owners":      func(o client.Object) { o.SetOwnerReferences([]metav1.OwnerReference{{Name: large}}) },
			"spec": func(o client.Object) {
				switch object := o.(type) {
				case *appsv1.StatefulSet:
					object.Spec.Template.Spec.Containers = env
				case *batchv1.CronJob:
					object.Spec.JobTemplate.Spec.Template.Spec.Containers = env
				case *batchv1.Job:
					object.Spec.Template.Spec.Containers = env
				case *corev1.Pod:
					object.Spec.Containers = env
				case *corev1.Service:
					object.Spec.ExternalName = large
				case *corev1.Secret:
					object.Data = map[string][]byte{large: nil, "password": []byte("p")}
				}
			},
		} {
			object := kind.DeepCopyObject().(client.Object)
			object.SetNamespace("ns")
			object.SetName("n")
			object.SetUID("uid")
			object.SetResourceVersion("5")
			object.SetLabels(map[string]string{step.LabelDatabase: "shop", step.LabelPartOf: step.PartOf})
			fill(object)
			kept, err := by.Transform(object)
			if err != nil {
				t.Fatal(err)
			}
			slim := kept.(client.Object)
			if size := len(encoded(t, slim)); size > 96<<10 || slim.GetName() != "n" || slim.GetUID() != "uid" || slim.GetResourceVersion() != "5" {
				t.Errorf("%T, %s: %d bytes, %s %s", kind, name, size, slim.GetName(), slim.GetUID())
			}
			if name == "spec" && slim.GetLabels()[step.LabelDatabase] != "shop" {
				t.Errorf("%T, %s: the label is lost", kind, name)
			}
		}
	}
}
