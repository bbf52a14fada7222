package database

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Why a pod can't be created, can't mount its volumes, or takes no login, is only in events. They are read live, and only
// while something is wrong for longer than it usually takes.

const (
	// explainRecheck is how often events are read while they may report something.
	explainRecheck = 10 * time.Second
	// createGrace is how long a StatefulSet may take to create its pod.
	createGrace = 3 * time.Second
	// startGrace is how long a pod may take to start, and the server in it to take a login.
	startGrace = 15 * time.Second
)

// The reasons of events that explain something.
var (
	createReasons = []string{"FailedCreate", "SuccessfulCreate"}
	startReasons  = []string{"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "FailedSync"}
	loginReasons  = []string{"Unhealthy"}
)

// question is about which object events are to be read, if about any.
type question struct {
	about   client.Object
	reasons []string
	since   time.Time
	// after is when to ask, where it is too soon.
	after time.Duration
}

// questionFor decides which events could explain why the server is not ready.
func questionFor(statefulSet *appsv1.StatefulSet, pods []corev1.Pod, changed, now time.Time) question {
	if statefulSet == nil || statefulSet.Status.ObservedGeneration < statefulSet.Generation || serves(statefulSet) {
		return question{}
	}
	if len(pods) == 0 {
		return ask(statefulSet, createReasons, changed, createGrace, now)
	}
	pod := remainingPod(pods)
	if pod == nil || pod.Status.StartTime == nil {
		return question{}
	}
	server := runningServer(pod)
	if server == nil {
		for _, status := range statusesOf(pod) {
			if status.State.Running != nil {
				return question{}
			}
		}
		return ask(pod, startReasons, pod.Status.StartTime.Time, startGrace, now)
	}
	since := server.State.Running.StartedAt.Time
	for _, condition := range pod.Status.Conditions {
		// The probe fails for as long as startGrace before the pod is not ready any more.
		if became := condition.LastTransitionTime.Add(-startGrace); condition.Type == corev1.PodReady && became.After(since) {
			since = became
		}
	}
	return ask(pod, loginReasons, since, startGrace, now)
}

// questionForJobs decides which events could explain why a Job has no pod.
func questionForJobs(jobs []batchv1.Job, pods []corev1.Pod, now time.Time) question {
	for i := range jobs {
		job := &jobs[i]
		ended := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
		})
		if !ended && newestPod(job, pods) == nil {
			return ask(job, createReasons, job.CreationTimestamp.Time, createGrace, now)
		}
	}
	return question{}
}

// ask is a question, or when to ask it. A time that is ahead of the clock is one of now.
func ask(about client.Object, reasons []string, since time.Time, grace time.Duration, now time.Time) question {
	if wait := min(grace-now.Sub(since), grace); wait > 0 {
		return question{after: wait}
	}
	return question{about: about, reasons: reasons, since: since}
}

// explain reads the events that a question is about, and answers with the newest one's message.
func (r *Reconciler) explain(ctx context.Context, asked question) (string, error) {
	if asked.about == nil {
		return "", nil
	}
	events := &corev1.EventList{}
	err := r.APIReader.List(ctx, events, client.InNamespace(asked.about.GetNamespace()),
		client.MatchingFields{"involvedObject.uid": string(asked.about.GetUID())})
	if err != nil {
		return "", fmt.Errorf("list the events of %s: %w", asked.about.GetName(), err)
	}
	return explained(events.Items, asked), nil
}

// explained is the message of the newest event that answers a question, where that is a warning.
func explained(events []corev1.Event, asked question) string {
	var newest *corev1.Event
	for i := range events {
		found := &events[i]
		if seenAt(found).Before(asked.since.Truncate(time.Second)) || !slices.Contains(asked.reasons, found.Reason) {
			continue
		}
		if newest == nil || seenAt(newest).Before(seenAt(found)) {
			newest = found
		}
	}
	if newest == nil || newest.Type != corev1.EventTypeWarning {
		return ""
	}
	return strings.TrimSpace(newest.Message)
}

// seenAt is when an event was last seen.
func seenAt(event *corev1.Event) time.Time {
	at := event.LastTimestamp.Time
	if event.Series != nil && event.Series.LastObservedTime.After(at) {
		at = event.Series.LastObservedTime.Time
	}
	for _, other := range []time.Time{event.EventTime.Time, event.CreationTimestamp.Time} {
		if other.After(at) {
			at = other
		}
	}
	return at
}
