package database

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
	// serverContainer is the one of PostgreSQL.
	serverContainer = "postgres"
	// exporterContainer serves the metrics. It takes no logins, but a pod is ready only while all its containers run.
	exporterContainer = "exporter"
	// settingsContainer checks the settings before the server starts: files/settings.sh of the chart.
	settingsContainer = "settings"
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
	// reasonOOM is the kubelet's word for a container that was killed for its memory.
	reasonOOM = "OOMKilled"
	// crashLoop is its word for a container that it starts again after a wait that grows.
	crashLoop = "CrashLoopBackOff"
	// goodRun is how long a container must run for the kubelet to start it again at once.
	goodRun = 10 * time.Minute
)

// settingsProblem says what the server has against its settings, in its own words. It serves with others.
func settingsProblem(pods []corev1.Pod) *step.Problem {
	pod := remainingPod(pods)
	if pod == nil {
		return nil
	}
	for _, status := range pod.Status.InitContainerStatuses {
		ended := status.State.Terminated
		if status.Name != settingsContainer || ended == nil || ended.ExitCode != 0 || ended.Message == "" {
			continue
		}
		found := step.NewProblem(v1.ReasonParametersRefused,
			"the server refuses spec.parameters, and runs on with the settings that it had: %s", strings.TrimSpace(ended.Message))
		found.Serving = true
		return found
	}
	return nil
}

// containerProblem says what keeps a container from running for good, in the kubelet's or the container's own words. It
// says the same while a container that ends again and again runs and while it waits to be started again.
func containerProblem(pod *corev1.Pod, status *corev1.ContainerStatus) *step.Problem {
	failed, prefix := v1.ReasonServerFailed, "pod "+pod.Name
	if status.Name == exporterContainer {
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
		return describe(failed, "%s", terminationMessage(programOf(status.Name), failedEnd(status)))
	}
	return nil
}

// program is what runs in a container, and the fields of the spec that it may need changed.
type program struct{ name, memory, size string }

var (
	theServer   = program{"the server", "spec.resources.limits.memory", "spec.storage.size"}
	theExporter = program{"the exporter", "spec.monitoring.resources.limits.memory", "spec.storage.size"}
	theBackup   = program{"the backup", "spec.backup.resources.limits.memory", "spec.backup.storage.size"}
)

// programOf is what runs in a container of the server's pod.
func programOf(container string) program {
	if container == exporterContainer {
		return theExporter
	}
	return theServer
}

// failedEnd is the container's last end, where that was not a good one.
func failedEnd(status *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	last := status.State.Terminated
	if last == nil {
		last = status.LastTerminationState.Terminated
	}
	if last == nil || last.ExitCode == 0 && last.Reason != reasonOOM {
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
	last := failedEnd(status)
	return last != nil && !status.Ready && status.RestartCount > 1 && last.FinishedAt.Sub(last.StartedAt.Time) < goodRun
}

// terminationMessage is what a container left when it ended, and what to do about it.
func terminationMessage(who program, ended *corev1.ContainerStateTerminated) string {
	if ended == nil {
		return who.name + " stops soon after it starts: its log says why"
	}
	message := essence(ended.Message)
	switch {
	case ended.Reason == reasonOOM:
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

// restartsOf counts how often the server in its pod ended by itself; nil: there is no pod.
func restartsOf(pods []corev1.Pod) *v1.RestartStatus {
	pod := remainingPod(pods)
	if pod == nil {
		return nil
	}
	restarts := &v1.RestartStatus{}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name != serverContainer {
			continue
		}
		restarts.Count = status.RestartCount
		if last := failedEnd(status); last != nil {
			restarts.LastTime = &last.FinishedAt
			restarts.LastReason = cmp.Or(last.Reason, "Error")
			restarts.LastMessage = step.Shortened(terminationMessage(programOf(status.Name), last), step.MaxMessage)
		}
	}
	return restarts
}

// restartEvents report that the server ended by itself: at the first time, and where it goes on to do so every goodRun.
func restartEvents(before v1.RestartStatus, after *v1.RestartStatus) []step.Event {
	if after == nil || after.LastTime == nil {
		return nil
	}
	if before.LastTime != nil && before.LastReason == after.LastReason && after.LastTime.Sub(before.LastTime.Time) < goodRun {
		return nil
	}
	if after.LastReason == reasonCrashed {
		return []step.Event{step.Warning("ServerCrashed", "Recover", "In the server "+after.LastMessage)}
	}
	return []step.Event{step.Warning("ServerRestarted", "Restart", fmt.Sprintf("The server ended by itself (%s; %d times in this pod): %s",
		after.LastReason, max(after.Count, 1), after.LastMessage))}
}
