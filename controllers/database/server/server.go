// Package server reads from the StatefulSet, its pods and their events how the server is.
package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

// podGrace is how long it may take until a pod is deleted whose own time to stop is over.
const podGrace = 30 * time.Second

// Observed is what there is of the server.
type Observed struct {
	// StatefulSet is nil where there is none.
	StatefulSet *appsv1.StatefulSet
	// Pods are the StatefulSet's.
	Pods []corev1.Pod
	// Explanation is what an event says of why the server is not ready, and AskAfter when to look for one.
	Explanation string
	AskAfter    time.Duration
	// Crashes are the cached events of crashes in the namespace.
	Crashes []corev1.Event
}

// State is what the StatefulSet and its pods report of the server.
type State struct {
	Ready   bool
	Waiting string
	Problem *step.Problem
	Events  []step.Event
	// Version is that of PostgreSQL, where the pod reports it.
	Version string
	// Restarts counts how often the server ended by itself; nil: there is no pod to report it.
	Restarts *v1.RestartStatus
	// Recheck is when a wait turns into a problem.
	Recheck time.Duration
}

// Observe reads the StatefulSet, its pods, and the events that explain why the server is not ready. Where only events
// can't be read, the rest is returned with the error.
func Observe(
	ctx context.Context, cached, live, crashes client.Reader, db *v1.Database, now time.Time,
) (seen Observed, err error) {
	statefulSet, err := step.Find[appsv1.StatefulSet](ctx, "StatefulSet", db.Namespace, step.ReleaseName(db), cached)
	if err != nil {
		return seen, err
	}
	list := &corev1.PodList{}
	err = cached.List(ctx, list, client.InNamespace(db.Namespace), client.MatchingLabels{
		step.LabelDatabase: db.Name, step.LabelComponent: step.ComponentDatabase,
	})
	if err != nil {
		return seen, fmt.Errorf("list pods: %w", err)
	}
	seen.StatefulSet, seen.Pods = statefulSet, podsOf(statefulSet, list.Items)
	asked := questionFor(statefulSet, seen.Pods, ptr.Deref(db.Status.Release.LastAttemptTime, metav1.Time{}).Time, now)
	seen.AskAfter = asked.After
	seen.Explanation, err = asked.Answer(ctx, live)
	events := &corev1.EventList{}
	failure := crashes.List(ctx, events, client.InNamespace(db.Namespace), client.UnsafeDisableDeepCopy)
	if failure != nil {
		err = errors.Join(err, fmt.Errorf("list events of crashes: %w", failure))
	}
	seen.Crashes = events.Items
	return seen, err
}

// Decide finds out how the server is.
func Decide(db *v1.Database, seen Observed, now time.Time) State {
	state := stateOf(seen.StatefulSet, seen.Pods, seen.Explanation, now)
	state.Version = versionOf(seen.Pods)
	state.Recheck = step.Sooner(state.Recheck, seen.AskAfter)
	state.Restarts = withCrashes(db.Status.Restarts, state.Restarts, seen.Pods, seen.Crashes)
	state.Events = restartEvents(db.Status.Restarts, state.Restarts)
	return state
}

// stateOf is the state of the server. The readiness probe is what logs in and looks at the encoding, so a ready
// pod of the newest revision is a server that does what the spec asks. The explanation is an event's message.
func stateOf(statefulSet *appsv1.StatefulSet, list []corev1.Pod, explanation string, now time.Time) State {
	if statefulSet == nil {
		return State{Waiting: "the StatefulSet to be created"}
	}
	status := statefulSet.Status
	if status.ObservedGeneration == 0 {
		return Starting(statefulSet.Name)
	}
	if status.ObservedGeneration < statefulSet.Generation {
		return State{Waiting: fmt.Sprintf("StatefulSet %s to be seen by its controller", statefulSet.Name)}
	}
	if serves(statefulSet) {
		return State{Ready: true, Problem: settingsProblem(list), Restarts: restartsOf(list)}
	}
	if len(list) == 0 {
		return missingPod(statefulSet, explanation)
	}
	pod := pods.Remaining(list)
	if pod == nil {
		return leavingPod(&list[0], now)
	}
	found := pods.StateOf(pod, explanation, now)
	state := State{Waiting: found.Waiting, Problem: found.Problem, Recheck: found.Recheck}
	if found.Server != nil {
		state = loginState(pod, found.Server, explanation, now)
	}
	state.Restarts = restartsOf(list)
	return state
}

// serves reports whether a pod of the newest revision is ready.
func serves(statefulSet *appsv1.StatefulSet) bool {
	status := statefulSet.Status
	return status.AvailableReplicas > 0 && status.UpdatedReplicas > 0 && status.CurrentRevision == status.UpdateRevision
}

// podsOf are the StatefulSet's own pods. Others may have the labels, such as a copy for debugging.
func podsOf(statefulSet *appsv1.StatefulSet, list []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(list, func(pod corev1.Pod) bool {
		return statefulSet == nil || !metav1.IsControlledBy(&pod, statefulSet)
	})
}

// Starting is the state until the first pod of a StatefulSet runs: it is reported once, and not each step of Kubernetes.
func Starting(statefulSet string) State {
	return State{Waiting: fmt.Sprintf("pod %s-0 to start", statefulSet), Recheck: pods.ExplainRecheck}
}

// missingPod is the state while the StatefulSet has no pod. Why not, only the events of its controller tell.
func missingPod(statefulSet *appsv1.StatefulSet, explanation string) State {
	if explanation == "" {
		return Starting(statefulSet.Name)
	}
	return State{Recheck: pods.ExplainRecheck, Problem: step.NewProblem(v1.ReasonPodMissing,
		"StatefulSet %s can't create pod %[1]s-0: %s", statefulSet.Name, explanation)}
}

// leavingPod is the state while a pod stops that is in the way of the next. A node that does not answer never says that
// it has, and only the user can know that it is off.
func leavingPod(pod *corev1.Pod, now time.Time) State {
	// The time by which it was to be stopped.
	if wait := podGrace - now.Sub(pod.DeletionTimestamp.Time); wait > 0 {
		return State{Waiting: fmt.Sprintf("pod %s to stop", pod.Name), Recheck: min(wait, 2*podGrace)}
	}
	if len(pod.Finalizers) > 0 {
		return State{Problem: step.NewProblem(v1.ReasonPodNotStopping, "pod %s is deleted but for its finalizer %s, and no other can "+
			"start: have whoever set that remove it; if nobody does: kubectl --namespace=%s patch pod %s --type=merge "+
			`--patch='{"metadata":{"finalizers":null}}'`, pod.Name, pod.Finalizers[0], pod.Namespace, pod.Name)}
	}
	return State{Problem: step.NewProblem(v1.ReasonPodNotStopping, "pod %s does not stop, and no other can start: see to its node %s. "+
		"If that is off for sure, delete the node, or taint it with node.kubernetes.io/out-of-service", pod.Name, pod.Spec.NodeName)}
}
