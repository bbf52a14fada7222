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

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

const (
	// duePriority is that of an At's start: it goes before all that only tells
	// of what has happened, however much of that there is.
	duePriority = 100
	// lookPriority is that of the look ahead of it.
	lookPriority = 50
)

// priorityOf is the place in the queue of an At that is new or has changed.
// What is there when the operator starts, and is not due, can wait.
func priorityOf(now time.Time, at *cnatv1alpha1.At, initial bool) int {
	due := at.DueTime()
	switch {
	case at.Status.JobUID == "" && !at.Status.Finished() && !now.Before(due.Time):
		return duePriority
	case initial:
		return handler.LowPriority
	default:
		return 0
	}
}

// priority is the place in the queue that a plan's next look has; nil: as it was.
func (p plan) priority() *int {
	switch p.step {
	case stepWait:
		return ptr.To(lookPriority)
	case stepLook:
		return ptr.To(duePriority)
	default:
		return nil
	}
}

// atHandler enqueues Ats by their priority.
type atHandler struct{ clock clock.PassiveClock }

var _ handler.EventHandler = &atHandler{}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Create implements handler.EventHandler.
func (h *atHandler) Create(_ context.Context, e event.CreateEvent, q queue) {
	h.add(e.Object, e.IsInInitialList, q)
}

// Update implements handler.EventHandler.
func (h *atHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	h.add(e.ObjectNew, false, q)
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
	at, isAt := object.(*cnatv1alpha1.At)
	if priorities, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok && isAt {
		priorities.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(priorityOf(h.clock.Now(), at, initial))}, request)
		return
	}
	q.Add(request)
}
