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
	if again, err := Pod(full.DeepCopy()); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("a second time it became %+v, %v", again, err)
	}
	other := &corev1.Secret{}
	if got, err := Pod(other); err != nil || got != any(other) {
		t.Errorf("another kind became %v, %v", got, err)
	}
}

// The kubelet's words about a container's last words are not the container's.
func TestUnreadWords(t *testing.T) {
	for words, want := range map[string]string{
		"no such table: Error on reading termination log":                                                                       "no such table: Error on reading termination log",
		`Error on reading termination message from logs: failed to try resolving symlinks in path "/var/log/pods/p/main/0.log"`: "",
		"Error on reading termination log /var/lib/kubelet/pods/p/containers/main/0: permission denied":                         "",
	} {
		ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: words}}
		pod := &corev1.Pod{Status: corev1.PodStatus{
			InitContainerStatuses: []corev1.ContainerStatus{{LastTerminationState: *ended.DeepCopy()}},
			ContainerStatuses:     []corev1.ContainerStatus{{State: *ended.DeepCopy()}, {}},
		}}
		if _, err := Pod(pod); err != nil {
			t.Fatal(err)
		}
		if got := pod.Status.ContainerStatuses[0].State.Terminated.Message; got != want {
			t.Errorf("%q became %q", words, got)
		}
		if got := pod.Status.InitContainerStatuses[0].LastTerminationState.Terminated.Message; got != want {
			t.Errorf("%q of the container's last life became %q", words, got)
		}
	}
}
