package pods

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// unschedulableGrace is how long a pod may wait for a node until that requires user action: a new volume or node takes
// a while.
const unschedulableGrace = 30 * time.Second

// State is what a pod reports: what it waits for, or what requires user action.
type State struct {
	Waiting string
	Problem *step.Problem
	Recheck time.Duration
	// Server is the container that takes logins, where that runs and nothing is wrong with the pod.
	Server *corev1.ContainerStatus
}

// StateOf says why a pod is not ready.
func StateOf(pod *corev1.Pod, explanation string, now time.Time) State {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse {
			continue
		}
		words := fmt.Sprintf("pod %s has no node: %s", pod.Name, condition.Message)
		if wait := unschedulableGrace - now.Sub(condition.LastTransitionTime.Time); wait > 0 {
			return State{Waiting: words, Recheck: min(wait, unschedulableGrace)}
		}
		return State{Problem: step.NewProblem(v1.ReasonUnschedulable, "%s", words)}
	}
	statuses := Statuses(pod)
	for _, status := range statuses {
		if found := containerProblem(pod, status); found != nil {
			return State{Problem: found}
		}
	}
	for _, status := range statuses {
		if ended := FailedEnd(status); ended != nil && status.State.Running == nil {
			return State{Waiting: fmt.Sprintf("container %s of pod %s to start again: %s", status.Name, pod.Name,
				TerminationMessage(programOf(status.Name), ended))}
		}
	}
	for i := range pod.Status.InitContainerStatuses {
		if status := &pod.Status.InitContainerStatuses[i]; status.State.Running != nil {
			return State{Waiting: fmt.Sprintf("container %s of pod %s to do its work", status.Name, pod.Name)}
		}
	}
	if server := RunningServer(pod); server != nil {
		return State{Server: server}
	}
	state := State{Waiting: fmt.Sprintf("pod %s to start", pod.Name)}
	if explanation != "" {
		return State{
			Recheck: ExplainRecheck,
			Problem: step.NewProblem(v1.ReasonContainerConfig, "pod %s can't start: %s", pod.Name, explanation),
		}
	}
	if pod.Status.StartTime != nil {
		state.Recheck = ExplainRecheck
	}
	return state
}

// Statuses are the states of a pod's containers, those that run first first.
func Statuses(pod *corev1.Pod) []*corev1.ContainerStatus {
	var statuses []*corev1.ContainerStatus
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			statuses = append(statuses, &list[i])
		}
	}
	return statuses
}

// RunningServer is the state of the container that takes logins, or nil where that does not run.
func RunningServer(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name != ExporterContainer && status.State.Running != nil {
			return status
		}
	}
	return nil
}

// Remaining is the first pod that is not being deleted, or nil.
func Remaining(list []corev1.Pod) *corev1.Pod {
	for i := range list {
		if list[i].DeletionTimestamp == nil {
			return &list[i]
		}
	}
	return nil
}

// ExporterIn is the exporter's container, or nil.
func ExporterIn(spec corev1.PodSpec) *corev1.Container {
	for i := range spec.Containers {
		if spec.Containers[i].Name == ExporterContainer {
			return &spec.Containers[i]
		}
	}
	return nil
}
