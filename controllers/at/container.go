package at

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// container is a container of a pod and what is known of it.
type container struct {
	kind    string // as a message calls it: container, init container, sidecar
	name    string
	sidecar bool
	main    bool
	status  corev1.ContainerStatus
}

func (c *container) String() string { return c.kind + " " + c.name }

// containersOf are the containers of a pod in the order in which they start.
func containersOf(pod *corev1.Pod) []container {
	var all []container
	add := func(kind string, specs []corev1.Container, statuses []corev1.ContainerStatus) {
		for _, spec := range specs {
			c := container{kind: kind, name: spec.Name, main: kind == "container"}
			if !c.main && ptr.Deref(spec.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
				c.kind, c.sidecar = "sidecar", true
			}
			for _, status := range statuses {
				if status.Name == spec.Name {
					c.status = status
				}
			}
			all = append(all, c)
		}
	}
	add("init container", pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	add("container", pod.Spec.Containers, pod.Status.ContainerStatuses)
	return all
}

func mainStarted(all []container) bool {
	for _, c := range all {
		if c.main && startOf(c.status.State) != nil {
			return true
		}
	}
	return false
}

// mainRuns reports whether a container runs. Once none does, the kubelet kills the sidecars.
func mainRuns(all []container) bool {
	for _, c := range all {
		if c.main && c.status.State.Running != nil {
			return true
		}
	}
	return false
}

// startOf is when a container started; nil: it has not. The kubelet gives the
// zero of Unix time as the start of a container that never ran.
func startOf(state corev1.ContainerState) *metav1.Time {
	switch {
	case state.Running != nil:
		return &state.Running.StartedAt
	case state.Terminated != nil && state.Terminated.StartedAt.Unix() > 0:
		return &state.Terminated.StartedAt
	default:
		return nil
	}
}
