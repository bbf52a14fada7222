package server

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

const (
	// settingsContainer checks the settings before the server starts: files/settings.sh of the chart.
	settingsContainer = "settings"
	// versionContainer leaves the version of the PostgreSQL in the image as its termination message.
	versionContainer = "version"
)

// versionWords finds in "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)": 15.14.
var versionWords = regexp.MustCompile(`\(PostgreSQL\) ([0-9]\S*)`)

// settingsProblem says what the server has against its settings, in its own words. It serves with others.
func settingsProblem(list []corev1.Pod) *step.Problem {
	pod := pods.Remaining(list)
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

// versionOf is what the server's pod says of its version, and empty where it says nothing yet.
func versionOf(list []corev1.Pod) string {
	for i := range list {
		for _, status := range list[i].Status.InitContainerStatuses {
			if list[i].DeletionTimestamp != nil || status.Name != versionContainer || status.State.Terminated == nil {
				continue
			}
			if found := versionWords.FindStringSubmatch(status.State.Terminated.Message); found != nil {
				return step.Shortened(found[1], 64)
			}
		}
	}
	return ""
}

// restartsOf counts how often the server in its pod ended by itself; nil: there is no pod.
func restartsOf(list []corev1.Pod) *v1.RestartStatus {
	pod := pods.Remaining(list)
	if pod == nil {
		return nil
	}
	restarts := &v1.RestartStatus{}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name != pods.ServerContainer {
			continue
		}
		restarts.Count = status.RestartCount
		if last := pods.FailedEnd(status); last != nil {
			restarts.LastTime = &last.FinishedAt
			restarts.LastReason = cmp.Or(last.Reason, "Error")
			restarts.LastMessage = step.Shortened(pods.TerminationMessage(pods.Server, last), step.MaxMessage)
		}
	}
	return restarts
}

// restartEvents report that the server ended by itself: at the first time, and where it goes on to do so every
// pods.GoodRun.
func restartEvents(before v1.RestartStatus, after *v1.RestartStatus) []step.Event {
	if after == nil || after.LastTime == nil {
		return nil
	}
	if before.LastTime != nil && before.LastReason == after.LastReason && after.LastTime.Sub(before.LastTime.Time) < pods.GoodRun {
		return nil
	}
	if after.LastReason == reasonCrashed {
		return []step.Event{step.Warning("ServerCrashed", "Recover", "In the server "+after.LastMessage)}
	}
	return []step.Event{step.Warning("ServerRestarted", "Restart", fmt.Sprintf("The server ended by itself (%s; %d times in this pod): %s",
		after.LastReason, max(after.Count, 1), after.LastMessage))}
}
