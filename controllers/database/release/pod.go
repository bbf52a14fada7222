package release

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

// nextPod is the pod that the StatefulSet's controller would create.
func nextPod(next, live *appsv1.StatefulSet) *corev1.Pod {
	template := next.Spec.Template.DeepCopy()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: next.Namespace, GenerateName: next.Name + "-",
			Labels: template.Labels, Annotations: template.Annotations,
		},
		Spec: template.Spec,
	}
	if live == nil {
		pod.Spec.ServiceAccountName = "" // It is created with the release.
	}
	return pod
}

// growth is the pod with nothing but what the exporter is to have more than it has.
func growth(pod *corev1.Pod, have, want *corev1.Container) *corev1.Pod {
	more := want.DeepCopy()
	if have != nil {
		more.Resources.Requests = beyond(more.Resources.Requests, have.Resources.Requests)
		more.Resources.Limits = beyond(more.Resources.Limits, have.Resources.Limits)
	}
	pod.Spec.InitContainers, pod.Spec.Containers = nil, []corev1.Container{*more}
	return pod
}

// beyond is by how much each quantity is larger than what there is of it.
func beyond(want, have corev1.ResourceList) corev1.ResourceList {
	for name, quantity := range want {
		if quantity.Sub(have[name]); quantity.Sign() < 0 {
			quantity.Set(0)
		}
		want[name] = quantity
	}
	return want
}

func withoutExporter(containers []corev1.Container) []corev1.Container {
	var rest []corev1.Container
	for i := range containers {
		if containers[i].Name != pods.ExporterContainer {
			rest = append(rest, containers[i])
		}
	}
	return rest
}

// sameContainer reports whether a container has all that the chart says of it.
func sameContainer(have, want *corev1.Container) bool {
	if have == nil {
		return false
	}
	haveContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(have)
	if err != nil {
		return false
	}
	wantContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	return err == nil && step.Covers(haveContent, wantContent)
}
