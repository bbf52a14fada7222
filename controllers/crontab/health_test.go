package crontab

import (
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/test/health"
)

// What kstatus and Argo CD say of a CronTab, for each reason of its conditions, as the controller reports them.
func TestHealth(t *testing.T) {
	edit := func(w *world, change func(*v1.CronTab)) {
		w.edit(w.tab(), func(o client.Object) { change(o.(*v1.CronTab)) })
	}
	stall := func(w *world, at *cnatv1.At) {
		w.edit(at, func(o client.Object) {
			meta.SetStatusCondition(&o.(*cnatv1.At).Status.Conditions, metav1.Condition{
				Type: cnatv1.ConditionStalled, Status: metav1.ConditionTrue, Reason: cnatv1.ReasonPodNotStarting, Message: "x",
			})
		})
	}
	tests := map[string]struct {
		happens func(*world)
		reason  string // of Ready
		want    health.Verdict
	}{
		"the next run is scheduled": {
			happens: func(*world) {}, reason: v1.ReasonScheduled, want: health.Current,
		},
		"a run is active": {
			happens: func(w *world) { w.advance("12:01:10") }, reason: v1.ReasonScheduled, want: health.Current,
		},
		"a run is over, whatever its end": {
			happens: func(w *world) { w.advance("12:01:10"); w.finish("12:01:00") }, reason: v1.ReasonScheduled, want: health.Current,
		},
		"suspended": {
			happens: func(w *world) { edit(w, func(tab *v1.CronTab) { tab.Spec.Suspend = ptr.To(true) }) },
			reason:  v1.ReasonSuspended, want: health.Suspended,
		},
		"resumed": {
			happens: func(w *world) {
				edit(w, func(tab *v1.CronTab) { tab.Spec.Suspend = ptr.To(true) })
				w.settle()
				edit(w, func(tab *v1.CronTab) { tab.Spec.Suspend = nil })
			},
			reason: v1.ReasonScheduled, want: health.Current,
		},
		"no more runs come": {
			happens: func(w *world) {
				edit(w, func(tab *v1.CronTab) { tab.Spec.NotAfter = ptr.To(metav1.NewTime(day("12:00:50"))) })
			},
			reason: v1.ReasonEnded, want: health.Current,
		},
		"the schedule can't be read": {
			happens: func(w *world) { edit(w, func(tab *v1.CronTab) { tab.Spec.CronSpec = "0 0 31 2 *" }) },
			reason:  v1.ReasonInvalidSchedule, want: health.Failed,
		},
		"suspended, and the schedule can't be read": {
			happens: func(w *world) {
				edit(w, func(tab *v1.CronTab) { tab.Spec.CronSpec, tab.Spec.Suspend = "0 0 31 2 *", ptr.To(true) })
			},
			reason: v1.ReasonInvalidSchedule, want: health.Failed,
		},
		"another object has the next run's name": {
			happens: func(w *world) {
				theirs := &cnatv1.At{}
				theirs.Name, theirs.UID = atName(w.tab(), day("12:02:00")), "theirs"
				w.Store(theirs)
				w.advance("12:01:10")
			},
			reason: v1.ReasonNameConflict, want: health.Failed,
		},
		"the next run requires user action": {
			happens: func(w *world) { stall(w, w.ats()[0]) }, reason: cnatv1.ReasonPodNotStarting, want: health.Failed,
		},
		"being deleted": {
			happens: func(w *world) {
				edit(w, func(tab *v1.CronTab) {
					tab.DeletionTimestamp, tab.Finalizers = ptr.To(metav1.NewTime(w.Now)), []string{"x/y"}
				})
			},
			reason: v1.ReasonDeleting, want: health.Terminating,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
			w.advance("12:00:40")
			test.happens(w)
			w.settle()
			tab := w.tab().DeepCopy()
			if ready := condition(&tab.Status, v1.ConditionReady); ready.Reason != test.reason {
				t.Errorf("Ready is %+v, want reason %s", ready, test.reason)
			}
			health.Check(t, tab, scheme, test.want)
			if tab.DeletionTimestamp == nil { // what was edited since is not judged by what was reported before
				tab.Generation++
				health.Check(t, tab, scheme, health.InProgress)
			}
		})
	}
}

// The API server refuses an At of the next run, as for a quota.
func TestHealthOfRefused(t *testing.T) {
	tab := &v1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Name: "refused", UID: "uid", Generation: 1, CreationTimestamp: metav1.NewTime(day("12:00:00"))},
		Spec:       v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}},
	}
	seen := &snapshot{tab: tab, times: timesFor(t, tab.Spec), refusal: &refusal{v1.ReasonRunRefused, "exceeded quota"}}
	tab.Status = nextStatus(day("12:00:01"), plan{step: stepCreate}, seen)
	health.Check(t, tab, scheme, health.Failed)
}

// Until the operator has seen a CronTab, it is in progress: kstatus takes an object without status for a good one.
func TestHealthOfNew(t *testing.T) {
	tab := &v1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Name: "new", Namespace: newNamespace(t)},
		Spec:       v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}},
	}
	create(t, tab)
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(tab), tab); err != nil {
		t.Fatal(err)
	}
	health.Check(t, tab, scheme, health.InProgress)
}
