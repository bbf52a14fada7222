package database

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

const (
	// unschedulableGrace is how long a pod may wait for a node until that requires user action: a new volume or node takes
	// a while.
	unschedulableGrace = 30 * time.Second

	// podGrace is how long it may take until a pod is deleted whose own time to stop is over.
	podGrace = 30 * time.Second
)

// serverState is what the StatefulSet and its pods say of the server.
type serverState struct {
	ready   bool
	waiting string
	problem *step.Problem
	events  []step.Event
	// version is that of PostgreSQL, where the pod tells.
	version string
	// restarts counts how often the server ended by itself; nil: there is no pod to tell.
	restarts *v1.RestartStatus
	// recheck is when a wait turns into a problem.
	recheck time.Duration
}

// serverStateOf reads the state of the server. The readiness probe is what logs in and looks at the encoding, so a ready
// pod of the newest revision is a server that does what the spec asks. The explanation is that of explained.
func serverStateOf(
	statefulSet *appsv1.StatefulSet, pods []corev1.Pod, explanation string, now time.Time,
) serverState {
	if statefulSet == nil {
		return serverState{waiting: "the StatefulSet to be created"}
	}
	status := statefulSet.Status
	if status.ObservedGeneration < statefulSet.Generation {
		return serverState{waiting: fmt.Sprintf("StatefulSet %s to be seen by its controller", statefulSet.Name)}
	}
	if serves(statefulSet) {
		return serverState{ready: true, problem: settingsProblem(pods), restarts: restartsOf(pods)}
	}
	if len(pods) == 0 {
		return missingPod(statefulSet, explanation)
	}
	if pod := remainingPod(pods); pod != nil {
		state := podState(pod, explanation, now)
		state.restarts = restartsOf(pods)
		return state
	}
	return leavingPod(&pods[0], now)
}

// serves reports whether a pod of the newest revision is ready.
func serves(statefulSet *appsv1.StatefulSet) bool {
	status := statefulSet.Status
	return status.AvailableReplicas > 0 && status.UpdatedReplicas > 0 && status.CurrentRevision == status.UpdateRevision
}

// podsOf are the StatefulSet's own pods. Others may have the labels, such as a copy for debugging.
func podsOf(statefulSet *appsv1.StatefulSet, pods []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(pods, func(pod corev1.Pod) bool {
		return statefulSet == nil || !metav1.IsControlledBy(&pod, statefulSet)
	})
}

// remainingPod is the first pod that is not being deleted, or nil.
func remainingPod(pods []corev1.Pod) *corev1.Pod {
	for i := range pods {
		if pods[i].DeletionTimestamp == nil {
			return &pods[i]
		}
	}
	return nil
}

// missingPod is the state while the StatefulSet has no pod. Why not, only the events of its controller tell.
func missingPod(statefulSet *appsv1.StatefulSet, explanation string) serverState {
	name := statefulSet.Name + "-0"
	if explanation == "" {
		return serverState{waiting: fmt.Sprintf("pod %s to be created", name), recheck: explainRecheck}
	}
	return serverState{recheck: explainRecheck, problem: step.NewProblem(v1.ReasonPodMissing,
		"StatefulSet %s can't create pod %s: %s", statefulSet.Name, name, explanation)}
}

// leavingPod is the state while a pod stops that is in the way of the next. A node that does not answer never says that
// it has, and only the user can know that it is off.
func leavingPod(pod *corev1.Pod, now time.Time) serverState {
	// The time by which it was to be stopped.
	if wait := podGrace - now.Sub(pod.DeletionTimestamp.Time); wait > 0 {
		return serverState{waiting: fmt.Sprintf("pod %s to stop", pod.Name), recheck: min(wait, 2*podGrace)}
	}
	if len(pod.Finalizers) > 0 {
		return serverState{problem: step.NewProblem(v1.ReasonPodNotStopping, "pod %s is deleted but for its finalizer %s, and no other can "+
			"start: have whoever set that remove it; if nobody does: kubectl --namespace=%s patch pod %s --type=merge "+
			`--patch='{"metadata":{"finalizers":null}}'`, pod.Name, pod.Finalizers[0], pod.Namespace, pod.Name)}
	}
	return serverState{problem: step.NewProblem(v1.ReasonPodNotStopping, "pod %s does not stop, and no other can start: see to its node %s. "+
		"If that is off for sure, delete the node, or taint it with node.kubernetes.io/out-of-service", pod.Name, pod.Spec.NodeName)}
}

// podState says why a pod is not ready.
func podState(pod *corev1.Pod, explanation string, now time.Time) serverState {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse {
			continue
		}
		words := fmt.Sprintf("pod %s has no node: %s", pod.Name, condition.Message)
		if wait := unschedulableGrace - now.Sub(condition.LastTransitionTime.Time); wait > 0 {
			return serverState{waiting: words, recheck: min(wait, unschedulableGrace)}
		}
		return serverState{problem: step.NewProblem(v1.ReasonUnschedulable, "%s", words)}
	}
	statuses := statusesOf(pod)
	for _, status := range statuses {
		if found := containerProblem(pod, status); found != nil {
			return serverState{problem: found}
		}
	}
	for _, status := range statuses {
		if ended := failedEnd(status); ended != nil && status.State.Running == nil {
			return serverState{waiting: fmt.Sprintf("container %s of pod %s to start again: %s", status.Name, pod.Name,
				terminationMessage(programOf(status.Name), ended))}
		}
	}
	for i := range pod.Status.InitContainerStatuses {
		if status := &pod.Status.InitContainerStatuses[i]; status.State.Running != nil {
			return serverState{waiting: fmt.Sprintf("container %s of pod %s to do its work", status.Name, pod.Name)}
		}
	}
	if server := runningServer(pod); server != nil {
		return loginState(pod, server, explanation, now)
	}
	state := serverState{waiting: fmt.Sprintf("pod %s to start", pod.Name)}
	if explanation != "" {
		return serverState{
			recheck: explainRecheck,
			problem: step.NewProblem(v1.ReasonContainerConfig, "pod %s can't start: %s", pod.Name, explanation),
		}
	}
	if pod.Status.StartTime != nil {
		state.recheck = explainRecheck
	}
	return state
}

// statusesOf are the states of a pod's containers, those that run first first.
func statusesOf(pod *corev1.Pod) []*corev1.ContainerStatus {
	var statuses []*corev1.ContainerStatus
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			statuses = append(statuses, &list[i])
		}
	}
	return statuses
}

// runningServer is the state of the container that takes logins, or nil where that does not run.
func runningServer(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name != exporterContainer && status.State.Running != nil {
			return status
		}
	}
	return nil
}
