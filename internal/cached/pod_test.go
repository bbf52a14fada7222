package cached

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestPod(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "p", Annotations: map[string]string{"a": "b"}}
	status := corev1.PodStatus{Phase: corev1.PodRunning}
	full := &corev1.Pod{
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			NodeName: "n",
			InitContainers: []corev1.Container{
				{Name: "i", Image: "i"},
				{Name: "s", Image: "i", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
			},
			Containers: []corev1.Container{{Name: "a", Image: "i"}, {Name: "b", Command: []string{"c"}}},
			Volumes:    []corev1.Volume{{Name: "v"}},
		},
		Status: status,
	}
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
	want := &corev1.Pod{
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			NodeName:       "n",
			InitContainers: []corev1.Container{{Name: "i"}, {Name: "s", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}},
			Containers:     []corev1.Container{{Name: "a"}, {Name: "b"}},
		},
		Status: status,
	}
	if got, err := Pod(full); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	other := &corev1.Secret{}
	if got, err := Pod(other); err != nil || got != any(other) {
		t.Errorf("another kind became %v, %v", got, err)
	}
}
