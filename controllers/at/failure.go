package at

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// reasonStatusUnknown is the kubelet's reason for a container of which it does
// not know how it ended, or whether it started. The exit code is made up then.
const reasonStatusUnknown = "ContainerStatusUnknown"

// podFailure is why a pod failed, or will: in Kubernetes' own words of the pod,
// and those of the container that failed first. nil: nothing is known to be wrong.
func podFailure(pod *corev1.Pod) *stall {
	if pod.Status.Phase == corev1.PodSucceeded {
		return nil
	}
	cause := disruption(pod)
	if first := firstFailed(pod); first != nil {
		ended := first.status.State.Terminated
		if cause == nil {
			cause = &stall{reason: reasonOr(ended.Reason, cnatv1.ReasonContainerFailed)}
		}
		cause.message = sentences(cause.message, describeEnd(first, ended, stillRunning(pod)...))
	}
	return cause
}

// disruption is why Kubernetes itself ended a pod; nil: it did not.
func disruption(pod *corev1.Pod) *stall {
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "" {
		return &stall{reasonOr(pod.Status.Reason, cnatv1.ReasonPodFailed), sentences(pod.Status.Reason, pod.Status.Message)}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget && condition.Status == corev1.ConditionTrue {
			return &stall{reasonOr(condition.Reason, cnatv1.ReasonPodFailed), sentences(condition.Reason, condition.Message)}
		}
	}
	if pod.Status.Phase == corev1.PodFailed && firstFailed(pod) == nil {
		return &stall{cnatv1.ReasonPodFailed, sentences("the pod failed", pod.Status.Message)}
	}
	return nil
}

// firstFailed is the container that failed first; nil: none has. A sidecar does
// not make its pod fail. One whose end is not known counts only beside no other.
func firstFailed(pod *corev1.Pod) *container {
	var first *container
	all := containersOf(pod)
	for i := range all {
		ended := all[i].status.State.Terminated
		if all[i].sidecar || ended == nil || ended.ExitCode == 0 {
			continue
		}
		if first == nil || exitCodeOf(first.status.State.Terminated) == nil && exitCodeOf(ended) != nil ||
			exitCodeOf(ended) != nil && ended.FinishedAt.Before(&first.status.State.Terminated.FinishedAt) {
			first = &all[i]
		}
	}
	return first
}

// exitCodeOf is what a process ended with; nil: there was none, or it is not known.
func exitCodeOf(ended *corev1.ContainerStateTerminated) *int32 {
	if ended.Reason == reasonStatusUnknown || ended.StartedAt.Unix() <= 0 {
		return nil
	}
	return &ended.ExitCode
}

// describeEnd is a sentence about a container that failed, and the end of its
// log. Beside it, others may still run.
func describeEnd(c *container, ended *corev1.ContainerStateTerminated, others ...string) string {
	var what string
	switch {
	case ended.Reason == reasonStatusUnknown:
		what = fmt.Sprintf("how %s ended is not known", c)
	case ended.StartedAt.Unix() <= 0:
		what = fmt.Sprintf("%s could not be started", c)
	case ended.Signal > 0:
		what = fmt.Sprintf("%s was ended by signal %d", c, ended.Signal)
	default:
		what = fmt.Sprintf("%s failed with exit code %d", c, ended.ExitCode)
		if signal := signals[ended.ExitCode-128]; signal != "" {
			what += " (" + signal + ")"
		}
	}
	if reason := reasonOr(ended.Reason, ""); reason != "" && ended.Reason != reasonStatusUnknown {
		what += ", " + reason
	}
	switch len(others) {
	case 0:
	case 1:
		what += ", " + others[0] + " still runs"
	default:
		what += ", " + strings.Join(others, " and ") + " still run"
	}
	return sentences(what, ended.Message)
}

// signals are those that end containers, by their numbers. A process that one
// of them ended has the exit code 128 and its number.
var signals = map[int32]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
	9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
}

// stillRunning are the names of the containers that run. Of a pod whose node is
// lost, the kubelet no longer reports that they do not.
func stillRunning(pod *corev1.Pod) []string {
	var names []string
	for _, c := range containersOf(pod) {
		if c.main && c.status.State.Running != nil && pod.Status.Phase != corev1.PodFailed {
			names = append(names, c.name)
		}
	}
	return names
}

var conditionReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]{0,100}[A-Za-z0-9_])?$`)

// reasonOr is Kubernetes' reason for an end if it says something, and can be
// that of a condition; else otherwise.
func reasonOr(reason, otherwise string) string {
	switch reason {
	case "Error", "Completed", reasonStatusUnknown:
		return otherwise
	}
	if !conditionReason.MatchString(reason) {
		return otherwise
	}
	return reason
}
