package database

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	watchevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// begunPriority is the place in the queue of a Database that is installed and whose server gets on: what has begun is
// finished before more is begun.
const begunPriority = 10

// settle is how long news of an object wait for more: an install brings a dozen, and Kubernetes' answers to it as many.
// One pass sees them all. What users wait for, that the server is available, waits for less.
const (
	settle          = time.Second
	settleAvailable = 100 * time.Millisecond
)

// settleOf is how long news of an object wait.
func settleOf(object client.Object) time.Duration {
	if statefulSet, ok := object.(*appsv1.StatefulSet); ok && statefulSet.Status.AvailableReplicas > 0 {
		return settleAvailable
	}
	return settle
}

// priorityOf is the place of a Database's next pass.
func priorityOf(db *v1.Database) *int {
	if db.Status.Release.Revision > 0 {
		return ptr.To(begunPriority)
	}
	return nil
}

// ownedHandler leads from an object to its Database by the label. News of the server go first.
type ownedHandler struct{}

var _ handler.EventHandler = ownedHandler{}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Create implements handler.EventHandler.
func (ownedHandler) Create(_ context.Context, e watchevent.CreateEvent, q queue) {
	enqueue(e.Object, e.IsInInitialList, q)
}

// Update implements handler.EventHandler.
func (ownedHandler) Update(_ context.Context, e watchevent.UpdateEvent, q queue) {
	if before, after := e.ObjectOld.GetLabels()[step.LabelDatabase], e.ObjectNew.GetLabels()[step.LabelDatabase]; before != after {
		enqueue(e.ObjectOld, false, q) // whose object it was
	}
	enqueue(e.ObjectNew, false, q)
}

// Delete implements handler.EventHandler.
func (ownedHandler) Delete(_ context.Context, e watchevent.DeleteEvent, q queue) {
	enqueue(e.Object, false, q)
}

// Generic implements handler.EventHandler.
func (ownedHandler) Generic(_ context.Context, e watchevent.GenericEvent, q queue) {
	enqueue(e.Object, false, q)
}

func enqueue(object client.Object, initial bool, q queue) {
	name := object.GetLabels()[step.LabelDatabase]
	if name == "" {
		return
	}
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: name}}
	priorities, ok := q.(priorityqueue.PriorityQueue[reconcile.Request])
	if !ok {
		q.Add(request)
		return
	}
	priority := 0
	switch object.(type) {
	case *appsv1.StatefulSet, *corev1.Pod:
		priority = begunPriority
	}
	if initial {
		priority = handler.LowPriority
	}
	priorities.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: settleOf(object)}, request)
}
