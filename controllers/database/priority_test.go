package database

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	watchevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// What has begun is finished before more is begun: the queue hands out a Database whose server has news before those that
// wait to be installed, whenever they came, and whatever else it was queued for.
func TestBegunGoesFirst(t *testing.T) {
	q := priorityqueue.New[reconcile.Request]("databases")
	defer q.ShutDown()
	for n := range 300 {
		q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("db-", n)}})
	}
	news := func(object client.Object, name string, initial bool) {
		object.SetNamespace("ns")
		object.SetLabels(map[string]string{step.LabelDatabase: name})
		ownedHandler{}.Create(t.Context(), watchevent.CreateEvent{Object: object, IsInInitialList: initial}, q)
	}
	news(&corev1.ConfigMap{}, "db-200", false) // no news of the server
	news(&appsv1.StatefulSet{}, "db-250", false)
	ownedHandler{}.Update(t.Context(), watchevent.UpdateEvent{
		ObjectOld: &corev1.Pod{}, ObjectNew: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Labels: map[string]string{step.LabelDatabase: "db-299"}}},
	}, q)
	begun := testdb.New()
	begun.Status.Release.Revision = 1
	q.AddWithOpts(priorityqueue.AddOpts{Priority: priorityOf(begun)}, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(begun)})
	news(&appsv1.StatefulSet{}, "old", true) // of before the operator started

	time.Sleep(2 * settle)

	first := map[string]bool{}
	for range 3 {
		item, priority, _ := q.GetWithPriority()
		first[item.Name] = true
		if priority != begunPriority {
			t.Errorf("%s has priority %d", item.Name, priority)
		}
	}
	if !first["db-250"] || !first["db-299"] || !first["shop"] {
		t.Errorf("first came %v", first)
	}
	var last string
	for range 301 - 2 {
		item, _, _ := q.GetWithPriority()
		last = item.Name
	}
	if last != "old" {
		t.Errorf("last came %s", last)
	}
}

// What an install brings within moments is one pass, and not one for each object.
func TestNewsSettle(t *testing.T) {
	q := priorityqueue.New[reconcile.Request]("databases")
	defer q.ShutDown()
	began := time.Now()
	for _, object := range []client.Object{&corev1.ConfigMap{}, &corev1.Service{}, &appsv1.StatefulSet{}, &corev1.Pod{}} {
		object.SetLabels(map[string]string{step.LabelDatabase: "shop"})
		ownedHandler{}.Create(t.Context(), watchevent.CreateEvent{Object: object}, q)
		time.Sleep(settle / 10)
	}
	item, _, _ := q.GetWithPriority()
	if waited := time.Since(began); item.Name != "shop" || waited < settle || waited > 3*settle {
		t.Errorf("%s came after %s, want %s", item.Name, waited, settle)
	}
	q.Done(item)
	time.Sleep(2 * settle)
	if left := q.Len(); left != 0 {
		t.Errorf("%d passes are left", left)
	}

	// An available server does not wait for the rest.
	began = time.Now()
	for _, object := range []client.Object{&corev1.Pod{}, &appsv1.StatefulSet{Status: appsv1.StatefulSetStatus{AvailableReplicas: 1}}} {
		object.SetLabels(map[string]string{step.LabelDatabase: "shop"})
		ownedHandler{}.Create(t.Context(), watchevent.CreateEvent{Object: object}, q)
	}
	item, _, _ = q.GetWithPriority()
	if waited := time.Since(began); waited < settleAvailable || waited > settle/2 {
		t.Errorf("%s came after %s, want %s", item.Name, waited, settleAvailable)
	}
	q.Done(item)
	time.Sleep(2 * settle)
	if left := q.Len(); left != 0 {
		t.Errorf("%d passes are left, after one that saw both", left)
	}
}
