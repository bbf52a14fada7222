package at

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// Why the API server refuses the pod of a Job, and why the kubelet or the
// attach-detach controller keeps a pod waiting, is in no status: they say it in
// events only. Two watches bring these. Their selectors leave out what the pod's
// status has as well, and field selectors know no "or", so that the events of
// Jobs are read by one API and those of pods by the other.
//
// Who may create events in a namespace can make them say anything: they are
// words to show on an At of that namespace, and decide nothing.

// +kubebuilder:rbac:groups="",resources=events,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=list;watch

var (
	eventsOfJobs = fields.ParseSelectorOrDie("involvedObject.kind=Job,reason=FailedCreate")
	eventsOfPods = fields.ParseSelectorOrDie("regarding.kind=Pod,type=Warning," +
		"reason!=BackOff,reason!=Failed,reason!=FailedScheduling,reason!=Unhealthy")
	// speakers are whose events about a Job or pod are shown.
	speakers = []string{"job-controller", "kubelet", "attachdetach-controller"}
)

// about indexes events by the UID of the object that they are about.
const about = "about"

const (
	// maxWords bounds what is kept of an event's message, in bytes. The API server
	// takes more from clients of the older API.
	maxWords = 1024
	// maxName bounds what is kept of its short fields.
	maxName = 128
)

// hintOfRefusedPod follows on the API server's words while the run is not over.
const hintOfRefusedPod = "\nIt goes on by itself once that is fixed. If the spec must change for it, create a new At."

// indexEvents makes the cache find the events about an object.
func indexEvents(ctx context.Context, mgr ctrl.Manager) error {
	for _, object := range []client.Object{&corev1.Event{}, &eventsv1.Event{}} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, object, about, func(event client.Object) []string {
			return []string{string(subject(event).UID)}
		}); err != nil {
			return fmt.Errorf("indexing events: %w", err)
		}
	}
	return nil
}

func subject(event client.Object) corev1.ObjectReference {
	switch event := event.(type) {
	case *corev1.Event:
		return event.InvolvedObject
	case *eventsv1.Event:
		return event.Regarding
	default:
		return corev1.ObjectReference{}
	}
}

// atOfEvent is the At whose Job or pod an event is about.
func (r *Reconciler) atOfEvent(ctx context.Context, event client.Object) []reconcile.Request {
	of := subject(event)
	name := types.NamespacedName{Namespace: event.GetNamespace(), Name: of.Name}
	if of.Kind == "Pod" {
		pod := &corev1.Pod{}
		if err := r.Client.Get(ctx, name, pod); err != nil || pod.UID != of.UID {
			return nil
		}
		return atOfPod(ctx, pod)
	}
	job := &batchv1.Job{}
	if err := r.Client.Get(ctx, name, job); err != nil || job.UID != of.UID {
		return nil
	}
	owner := metav1.GetControllerOf(job)
	if owner == nil || owner.Kind != "At" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: job.Namespace, Name: owner.Name}}}
}

// hear adds to a run what nobody says but in events: that the Job's pod is
// refused, or why the pod waits.
func (r *Reconciler) hear(ctx context.Context, seen *snapshot) error {
	run := &seen.run
	if seen.job == nil || finished(seen.job) || run.gated != "" || run.stalled != nil {
		return nil
	}
	switch {
	case run.pod == "" || run.over:
		events := &corev1.EventList{}
		if err := r.listEvents(ctx, seen, seen.job.UID, events); err != nil {
			return err
		}
		if said := newest(events.Items, wordsOfJobEvent); said != nil && (run.ended == nil || run.ended.Time.Before(said.last)) {
			run.stalled = &stall{cnatv1.ReasonPodRefused, said.message + hintOfRefusedPod}
		}
	case run.started == nil:
		events := &eventsv1.EventList{}
		if err := r.listEvents(ctx, seen, run.podUID, events); err != nil {
			return err
		}
		if said := newest(events.Items, wordsOfPodEvent); said != nil && said.last.After(run.ready) {
			run.stalled = &stall{cnatv1.ReasonPodNotStarting, said.reason + ": " + said.message}
		}
	}
	return nil
}

func (r *Reconciler) listEvents(ctx context.Context, seen *snapshot, uid types.UID, into client.ObjectList) error {
	err := r.Client.List(ctx, into, client.InNamespace(seen.at.Namespace), client.MatchingFields{about: string(uid)})
	if err != nil {
		return fmt.Errorf("listing events: %w", err)
	}
	return nil
}
