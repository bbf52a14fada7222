// Package pods reads what pods and their containers report, of servers and of backups.
package pods

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

const (
	// ServerContainer is the one of PostgreSQL.
	ServerContainer = "postgres"
	// ExporterContainer serves the metrics. It takes no logins, but a pod is ready only while all its containers run.
	ExporterContainer = "exporter"
)

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

// configReasons are its words for a container that it can't create.
var configReasons = map[string]bool{
	"CreateContainerConfigError": true,
	"CreateContainerError":       true,
	"RunContainerError":          true,
}

const (
	// ReasonOOM is the kubelet's word for a container that was killed for its memory.
	ReasonOOM = "OOMKilled"
	// crashLoop is its word for a container that it starts again after a wait that grows.
	crashLoop = "CrashLoopBackOff"
	// GoodRun is how long a container must run for the kubelet to start it again at once.
	GoodRun = 10 * time.Minute
)

// containerProblem says what keeps a container from running for good, in the kubelet's or the container's own words. It
// says the same while a container that ends again and again runs and while it waits to be started again.
func containerProblem(pod *corev1.Pod, status *corev1.ContainerStatus) *step.Problem {
	failed, prefix := v1.ReasonServerFailed, "pod "+pod.Name
	if status.Name == ExporterContainer {
		failed = v1.ReasonMonitoringFailed
		prefix += ", container exporter"
	}
	describe := func(reason, format string, args ...any) *step.Problem {
		return step.NewProblem(reason, "%s: %s", prefix, fmt.Sprintf(format, args...))
	}
	if waiting := status.State.Waiting; waiting != nil {
		words := cmp.Or(waiting.Message, "image "+status.Image)
		switch {
		case pullReasons[waiting.Reason]:
			return describe(v1.ReasonImagePullFailed, "%s: %s", waiting.Reason, words)
		case configReasons[waiting.Reason]:
			return describe(v1.ReasonContainerConfig, "%s: %s", waiting.Reason, words)
		}
	}
	if endsAgain(status) {
		return describe(failed, "%s", TerminationMessage(programOf(status.Name), FailedEnd(status)))
	}
	return nil
}

// Program is what runs in a container, and the fields of the spec that it may need changed.
type Program struct{ name, memory, size string }

// The programs of the operator's pods.
var (
	Server   = Program{"the server", "spec.resources.limits.memory", "spec.storage.size"}
	exporter = Program{"the exporter", "spec.monitoring.resources.limits.memory", "spec.storage.size"}
	Backup   = Program{"the backup", "spec.backup.resources.limits.memory", "spec.backup.storage.size"}
)

// programOf is what runs in a container of the server's pod.
func programOf(container string) Program {
	if container == ExporterContainer {
		return exporter
	}
	return Server
}

// FailedEnd is the container's last end, where that was not a good one.
func FailedEnd(status *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	last := status.State.Terminated
	if last == nil {
		last = status.LastTerminationState.Terminated
	}
	if last == nil || last.ExitCode == 0 && last.Reason != ReasonOOM {
		return nil
	}
	return last
}

// endsAgain reports whether a container that is not ready ends again and again. One that ended once is started again at
// once, and requires nothing of the user.
func endsAgain(status *corev1.ContainerStatus) bool {
	if status.State.Waiting != nil && status.State.Waiting.Reason == crashLoop {
		return true
	}
	last := FailedEnd(status)
	return last != nil && !status.Ready && status.RestartCount > 1 && last.FinishedAt.Sub(last.StartedAt.Time) < GoodRun
}

// TerminationMessage is what a container left when it ended, and what to do about it.
func TerminationMessage(who Program, ended *corev1.ContainerStateTerminated) string {
	if ended == nil {
		return who.name + " stops soon after it starts: its log says why"
	}
	message := essence(ended.Message)
	switch {
	case ended.Reason == ReasonOOM:
		return fmt.Sprintf("%s was killed since it used more memory than it may: raise %s, or have it use less", who.name, who.memory)
	case message == "":
		return fmt.Sprintf("%s ended with exit code %d (%s): its log says why", who.name, ended.ExitCode, ended.Reason)
	case strings.Contains(message, "No space left on device"):
		return fmt.Sprintf("%s. The volume is full: raise %s, or free space on it; then it goes on by itself", message, who.size)
	}
	return message
}

// essence is what matters in a termination message. Where the kubelet took it from the log, these are the server's last
// words on why it stops, and none of the lines beside them, which can show statements and rows.
func essence(message string) string {
	message = strings.TrimSpace(message)
	var last string
	isLog := false
	for line := range strings.Lines(message) {
		for _, severity := range []string{"PANIC:", "FATAL:"} {
			if _, words, found := strings.Cut(line, severity); found {
				last = severity + " " + strings.TrimSpace(words)
			}
		}
		isLog = isLog || strings.Contains(line, " LOG:  ") || strings.Contains(line, " STATEMENT:  ")
	}
	if last != "" || isLog {
		return last
	}
	return message
}
