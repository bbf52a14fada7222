package at

import (
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// maxMessage bounds status.message, in bytes. It is also the most that the
// kubelet keeps of a termination message.
const maxMessage = 4096

// run is what the pods of a Job tell.
type run struct {
	started  *metav1.Time // of the first container; nil: none has
	ended    *metav1.Time // of the last container; nil: not all have
	exitCode *int32       // of the first container that failed, else 0; nil: not all have ended
	message  string       // the end of that container's termination message
	stalled  *stall       // why no container starts; nil: nothing is known to be wrong
}

// stall is a condition's reason and message.
type stall struct{ reason, message string }

// observeRun reads a run from its pods. There is one, or none when it was
// deleted; should there be more, the newest tells.
func observeRun(pods []corev1.Pod) run {
	if len(pods) == 0 {
		return run{}
	}
	pod := &pods[0]
	for i := range pods {
		if pod.CreationTimestamp.Before(&pods[i].CreationTimestamp) {
			pod = &pods[i]
		}
	}

	statuses := map[string]corev1.ContainerStatus{}
	for _, status := range pod.Status.ContainerStatuses {
		statuses[status.Name] = status
	}
	observed := run{stalled: podStall(pod)}
	running := len(pod.Spec.Containers)
	var failed *corev1.ContainerStateTerminated
	for _, container := range pod.Spec.Containers {
		state := statuses[container.Name].State
		switch {
		case state.Running != nil:
			observed.started = earliest(observed.started, state.Running.StartedAt)
		case state.Terminated != nil:
			running--
			observed.started = earliest(observed.started, state.Terminated.StartedAt)
			observed.ended = latest(observed.ended, state.Terminated.FinishedAt)
			if failed == nil || failed.ExitCode == 0 && state.Terminated.ExitCode != 0 {
				failed = state.Terminated
			}
		}
	}
	if running > 0 {
		observed.ended = nil
		return observed
	}
	observed.exitCode = &failed.ExitCode
	observed.message = tail(failed.Message, maxMessage)
	return observed
}

// podStall tells why a pod does not start, as far as its status knows.
func podStall(pod *corev1.Pod) *stall {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse &&
			condition.Reason == corev1.PodReasonUnschedulable {
			return &stall{cnatv1alpha1.ReasonPodUnschedulable, tail(condition.Message, maxMessage)}
		}
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			waiting := status.State.Waiting
			// Without a message the kubelet is just on its way: ContainerCreating, PodInitializing.
			if waiting != nil && waiting.Message != "" {
				return &stall{
					cnatv1alpha1.ReasonPodNotStarting,
					tail(fmt.Sprintf("container %s: %s: %s", status.Name, waiting.Reason, waiting.Message), maxMessage),
				}
			}
		}
	}
	return nil
}

// earliest ignores the zero of Unix time, which the kubelet gives as the start
// of a container that never ran.
func earliest(a *metav1.Time, b metav1.Time) *metav1.Time {
	if b.Unix() <= 0 || a != nil && !b.Before(a) {
		return a
	}
	return &b
}

func latest(a *metav1.Time, b metav1.Time) *metav1.Time {
	if a != nil && b.Before(a) {
		return a
	}
	return &b
}

// tail is the end of a text, at most limit bytes of it, in whole characters.
func tail(text string, limit int) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	if len(text) <= limit {
		return text
	}
	text = text[len(text)-limit:]
	for !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
