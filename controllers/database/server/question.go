package server

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"example.com/cnat-operator/controllers/database/pods"
)

// startGrace is how long a pod may take to start, and the server in it to take a login.
const startGrace = 15 * time.Second

// The reasons of events that explain why a pod does not start, and why the server takes no login.
var (
	startReasons = []string{"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "FailedSync"}
	loginReasons = []string{"Unhealthy"}
)

// questionFor decides which events could explain why the server is not ready.
func questionFor(statefulSet *appsv1.StatefulSet, list []corev1.Pod, changed, now time.Time) pods.Question {
	if statefulSet == nil || statefulSet.Status.ObservedGeneration < statefulSet.Generation || serves(statefulSet) {
		return pods.Question{}
	}
	if len(list) == 0 {
		return pods.Ask(statefulSet, pods.CreateReasons, changed, pods.CreateGrace, now)
	}
	pod := pods.Remaining(list)
	if pod == nil || pod.Status.StartTime == nil {
		return pods.Question{}
	}
	server := pods.RunningServer(pod)
	if server == nil {
		for _, status := range pods.Statuses(pod) {
			if status.State.Running != nil {
				return pods.Question{}
			}
		}
		return pods.Ask(pod, startReasons, pod.Status.StartTime.Time, startGrace, now)
	}
	since := server.State.Running.StartedAt.Time
	for _, condition := range pod.Status.Conditions {
		// The probe fails for as long as startGrace before the pod is not ready any more.
		if became := condition.LastTransitionTime.Add(-startGrace); condition.Type == corev1.PodReady && became.After(since) {
			since = became
		}
	}
	return pods.Ask(pod, loginReasons, since, startGrace, now)
}
