package database

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	v1 "example.com/cnat-operator/api/database/v1"
)

const (
	// unschedulableGrace is how long a pod may wait for a node before a person is called: a new volume or node takes a
	// while.
	unschedulableGrace = 30 * time.Second

	// podGrace is how long it may take until a pod is made, and until one is gone whose own time to stop is over.
	podGrace = 30 * time.Second
)

// serverState is what the StatefulSet and its pods say of the server.
type serverState struct {
	ready   bool
	waiting string
	problem *problem
	// version is that of PostgreSQL, where the pod tells.
	version string
	// recheck is when a wait turns into a problem.
	recheck time.Duration
}

// pullReasons are the kubelet's words for an image that it can't get.
var pullReasons = map[string]bool{
	"ErrImagePull":             true,
	"ImagePullBackOff":         true,
	"InvalidImageName":         true,
	"ErrImageNeverPull":        true,
	"ImageInspectError":        true,
	"RegistryUnavailable":      true,
	"SignatureValidationError": true,
}

// configReasons are its words for a container that it can't make.
var configReasons = map[string]bool{
	"CreateContainerConfigError": true,
	"CreateContainerError":       true,
	"RunContainerError":          true,
}

// serverStateOf reads the state of the server. The readiness probe is what logs in and looks at the encoding, so a ready
// pod of the newest revision is a server that does what the spec asks. Since missing, if it is not zero, there is no pod.
func serverStateOf(statefulSet *appsv1.StatefulSet, pods []corev1.Pod, missing, now time.Time) serverState {
	if statefulSet == nil {
		return serverState{waiting: "the StatefulSet to be made"}
	}
	status := statefulSet.Status
	if status.ObservedGeneration < statefulSet.Generation {
		return serverState{waiting: fmt.Sprintf("StatefulSet %s to be seen by its controller", statefulSet.Name)}
	}
	if status.AvailableReplicas > 0 && status.UpdatedReplicas > 0 && status.CurrentRevision == status.UpdateRevision {
		return serverState{ready: true, problem: settingsProblem(pods)}
	}
	if len(pods) == 0 {
		return missingPod(statefulSet, missing, now)
	}
	for i := range pods {
		if pods[i].DeletionTimestamp == nil {
			return podState(&pods[i], now)
		}
	}
	return leavingPod(&pods[0], now)
}

// podToBeMade ends what is said while there is no pod.
const podToBeMade = " to be made"

// missingPod is the state while the StatefulSet makes no pod. Why not, only the events of its controller tell.
func missingPod(statefulSet *appsv1.StatefulSet, missing, now time.Time) serverState {
	name := statefulSet.Name + "-0"
	if missing.IsZero() || now.Sub(missing) < podGrace {
		return serverState{waiting: "pod " + name + podToBeMade, recheck: podGrace}
	}
	return serverState{problem: newProblem(v1.ReasonPodMissing, "StatefulSet %s makes no pod %s: the API server may refuse it, as for "+
		"a quota or a priority class that is not there. Its events say why: kubectl --namespace=%s describe statefulset %s",
		statefulSet.Name, name, statefulSet.Namespace, statefulSet.Name)}
}

// missingSince is since when a Database waits for its pod to be made, by its last status, and zero where it does not.
func missingSince(db *v1.Database) time.Time {
	progressing := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionProgressing)
	if progressing == nil || progressing.Reason != v1.ReasonPodMissing && !strings.HasSuffix(progressing.Message, podToBeMade) {
		return time.Time{}
	}
	since := attempted(db.Status.Release)
	if ready := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	return since
}

// leavingPod is the state while a pod stops that is in the way of the next. A node that does not answer never says that
// it has, and only a person can know that it is off.
func leavingPod(pod *corev1.Pod, now time.Time) serverState {
	// The time by which it was to be gone.
	if wait := podGrace - now.Sub(pod.DeletionTimestamp.Time); wait > 0 {
		return serverState{waiting: fmt.Sprintf("pod %s to stop", pod.Name), recheck: wait}
	}
	return serverState{problem: newProblem(v1.ReasonPodNotStopping, "pod %s does not stop, and no other can start: see to its node %s. "+
		"If that is off for sure, delete the node, or taint it with node.kubernetes.io/out-of-service", pod.Name, pod.Spec.NodeName)}
}

// podState says why a pod is not ready.
func podState(pod *corev1.Pod, now time.Time) serverState {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse {
			continue
		}
		words := fmt.Sprintf("pod %s has no node: %s", pod.Name, condition.Message)
		if wait := unschedulableGrace - now.Sub(condition.LastTransitionTime.Time); wait > 0 {
			return serverState{waiting: words, recheck: min(wait, unschedulableGrace)}
		}
		return serverState{problem: newProblem(v1.ReasonUnschedulable, "%s", words)}
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if found := containerProblem(pod, &statuses[i]); found != nil {
				return serverState{problem: found}
			}
		}
	}
	for i := range pod.Status.InitContainerStatuses {
		if status := &pod.Status.InitContainerStatuses[i]; status.State.Running != nil {
			return serverState{waiting: fmt.Sprintf("container %s of pod %s to do its work", status.Name, pod.Name)}
		}
	}
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name != exporterContainer && status.State.Running != nil {
			return serverState{waiting: fmt.Sprintf("the server in pod %s to take a login", pod.Name)}
		}
	}
	return serverState{waiting: fmt.Sprintf("pod %s to start", pod.Name)}
}

// exporterContainer serves the metrics. It takes no logins, but a pod is ready only while all its containers run.
const exporterContainer = "exporter"

// settingsContainer checks the settings before the server starts: files/settings.sh of the chart.
const settingsContainer = "settings"

// settingsProblem says what the server has against its settings, in its own words. It serves with others.
func settingsProblem(pods []corev1.Pod) *problem {
	for i := range pods {
		if pods[i].DeletionTimestamp != nil {
			continue
		}
		for _, status := range pods[i].Status.InitContainerStatuses {
			ended := status.State.Terminated
			if status.Name != settingsContainer || ended == nil || ended.ExitCode != 0 || ended.Message == "" {
				continue
			}
			found := newProblem(v1.ReasonParametersRefused,
				"the server refuses spec.parameters, and runs on with the settings that it had: %s", strings.TrimSpace(ended.Message))
			found.serving = true
			return found
		}
	}
	return nil
}

// containerProblem says what a person must mend for a container to run, in the kubelet's or the container's own words.
func containerProblem(pod *corev1.Pod, status *corev1.ContainerStatus) *problem {
	who, failed := "the server", v1.ReasonServerFailed
	prefix := "pod " + pod.Name
	if status.Name == exporterContainer {
		who, failed = "the exporter", v1.ReasonMonitoringFailed
		prefix += ", container exporter"
	}
	describe := func(reason, format string, args ...any) *problem {
		return newProblem(reason, "%s: %s", prefix, fmt.Sprintf(format, args...))
	}
	if waiting := status.State.Waiting; waiting != nil {
		words := waiting.Message
		if words == "" {
			words = "image " + status.Image
		}
		switch {
		case pullReasons[waiting.Reason]:
			return describe(v1.ReasonImagePullFailed, "%s: %s", waiting.Reason, words)
		case configReasons[waiting.Reason]:
			return describe(v1.ReasonContainerConfig, "%s: %s", waiting.Reason, words)
		case waiting.Reason == "CrashLoopBackOff":
			return describe(failed, "%s", lastWords(who, status.LastTerminationState.Terminated))
		}
	}
	if terminated := status.State.Terminated; terminated != nil && terminated.ExitCode != 0 {
		return describe(failed, "%s", lastWords(who, terminated))
	}
	return nil
}

// lastWords is what a container left when it ended.
func lastWords(who string, terminated *corev1.ContainerStateTerminated) string {
	switch {
	case terminated == nil:
		return who + " stops soon after it starts: its log says why"
	case terminated.Message != "":
		return strings.TrimSpace(terminated.Message)
	default:
		return fmt.Sprintf("%s ended with exit code %d (%s): its log says why", who, terminated.ExitCode, terminated.Reason)
	}
}
