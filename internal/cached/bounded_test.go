package cached

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Of what is too large only that is kept by which it is found; the rest is as it is.
func TestBounded(t *testing.T) {
	full := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "n", UID: "uid", ResourceVersion: "5", Generation: 3, Finalizers: []string{"f"},
		Labels:          map[string]string{"example.com/database": "shop", "theirs": "x"},
		OwnerReferences: []metav1.OwnerReference{{Name: "a"}, {Name: "b", UID: "owner", Controller: ptr.To(true)}},
	}}
	if kept := Bounded(full, 10_000); kept != full {
		t.Errorf("a small one became %+v", kept)
	}
	full.Spec.ServiceName = strings.Repeat("x", 10_000)
	kept, ok := Bounded(full, 10_000).(*appsv1.StatefulSet)
	if !ok || kept.Spec.ServiceName != "" || kept.UID != "uid" || kept.ResourceVersion != "5" || kept.Generation != 3 ||
		len(kept.Labels) != 1 || kept.Labels["example.com/database"] != "shop" || len(kept.OwnerReferences) != 1 || kept.OwnerReferences[0].UID != "owner" {
		t.Errorf("a large one became %+v", kept)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "p", Finalizers: []string{strings.Repeat("x", maxPod)}, Annotations: map[string]string{"long": strings.Repeat("x", 2000)},
	}}
	if kept, err := Pod(pod); err != nil || len(kept.(*corev1.Pod).Finalizers) != 0 || kept.(*corev1.Pod).Name != "p" {
		t.Errorf("a large pod became %+v, %v", kept, err)
	}
}
