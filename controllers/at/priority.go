package at

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const (
	// duePriority is that of an At's start: it goes before all that only reports
	// what has happened, however much of that there is.
	duePriority = 100
	// preparePriority is that of the preparation ahead of it.
	preparePriority = 50
)

// priorityOf is the place in the queue of an At that is new or has changed.
// What is there when the operator starts, and is not due soon, can wait.
func priorityOf(now time.Time, at *cnatv1.At, initial bool) int {
	switch {
	case startsWithin(0, now, at):
		return duePriority
	case startsWithin(maxLead, now, at):
		return 0
	case initial, at.Status.ObservedGeneration != at.Generation && at.Status.JobUID == "": // so can what is new
		return handler.LowPriority
	default:
		return 0
	}
}

// tryPriority is the place of an At among those that are to be tried.
func tryPriority(now time.Time, at *cnatv1.At, _ bool) int {
	if startsWithin(maxLead, now, at) {
		return 0
	}
	return handler.LowPriority
}

// startsWithin reports whether an At is to start, and due by then.
func startsWithin(span time.Duration, now time.Time, at *cnatv1.At) bool {
	return at.Status.JobUID == "" && !at.Status.Finished() && !isSuspended(at) && !at.DueTime().After(now.Add(span))
}

// priority is the place in the queue that a plan's next pass has; nil: as it was.
func (p plan) priority() *int {
	switch p.step {
	case stepWait, stepTry:
		return ptr.To(preparePriority)
	case stepReady:
		return ptr.To(duePriority)
	case stepRefused: // however many there are, they delay no start
		return ptr.To(handler.LowPriority)
	default:
		return nil
	}
}

// atHandler enqueues Ats by their priority.
type atHandler struct {
	clock    clock.PassiveClock
	priority func(now time.Time, at *cnatv1.At, initial bool) int
}

var _ handler.EventHandler = &atHandler{}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Create implements handler.EventHandler.
func (h *atHandler) Create(_ context.Context, e event.CreateEvent, q queue) {
	h.add(e.Object, e.IsInInitialList, q)
}

// Update implements handler.EventHandler.
func (h *atHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if before, ok := e.ObjectOld.(*cnatv1.At); ok {
		if after, ok := e.ObjectNew.(*cnatv1.At); ok && !calls(before, after) {
			return
		}
	}
	h.add(e.ObjectNew, false, q)
}

// calls reports whether a change of an At is for a reconcile. The operator's own
// words in the status are not: a refusal that is worded anew each time would
// bring about the next attempt at once.
func calls(before, after *cnatv1.At) bool {
	return before.UID != after.UID || before.Generation != after.Generation ||
		(before.DeletionTimestamp == nil) != (after.DeletionTimestamp == nil) ||
		before.Status.Phase != after.Status.Phase || recorded(before) != recorded(after) ||
		before.Status.JobUID != after.Status.JobUID || atPinned(before) && !atPinned(after)
}

// Delete implements handler.EventHandler.
func (h *atHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.add(e.Object, false, q)
}

// Generic implements handler.EventHandler.
func (h *atHandler) Generic(_ context.Context, e event.GenericEvent, q queue) {
	h.add(e.Object, false, q)
}

func (h *atHandler) add(object client.Object, initial bool, q queue) {
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}}
	at, isAt := object.(*cnatv1.At)
	if priorities, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok && isAt {
		priorities.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(h.priority(h.clock.Now(), at, initial))}, request)
		return
	}
	q.Add(request)
}
