package crontab

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
	"example.com/cnat-operator/test/apimodel"
)

// advance lets time pass until a time of the day, a second after another, with a healthy operator. Runs do not end.
func (w *world) advance(clock string) {
	for until := day(clock); !w.Now.After(until); w.Now = w.Now.Add(time.Second) {
		w.settle()
	}
	w.Now = day(clock)
}

// settle lets the operator and the At controller do all that they do now.
func (w *world) settle() {
	for before := -1; before != len(w.History); {
		before = len(w.History)
		w.reconcile(&leader{world: w, pauseAt: -1})
		for _, at := range w.ats() {
			if !started(at) || ptr.Deref(at.Spec.Cancel, false) {
				w.playAt(at)
			}
		}
	}
}

// finish ends a run.
func (w *world) finish(clock string) {
	for _, at := range w.ats() {
		if at.Labels[labelScheduled] == strconv.FormatInt(day(clock).Unix(), 10) {
			w.playAt(at)
		}
	}
	w.settle()
}

// ran are the times of the day that had a run.
func (w *world) ran() []string {
	var all []string
	for _, at := range w.ats() {
		if unix, err := strconv.ParseInt(at.Labels[labelScheduled], 10, 64); err == nil && started(at) {
			all = append(all, time.Unix(unix, 0).UTC().Format("15:04"))
		}
	}
	return all
}

// What each policy makes of a run that is due while another one is active.
func TestConcurrencyPolicies(t *testing.T) {
	for _, test := range []struct {
		policy             v1.ConcurrencyPolicy
		during, afterwards []string // the runs that were started before and after 12:01's has ended at 12:03:30
		missed             int64
	}{
		{v1.AllowConcurrent, []string{"12:01", "12:02", "12:03"}, []string{"12:01", "12:02", "12:03", "12:04"}, 0},
		{v1.ForbidConcurrent, []string{"12:01"}, []string{"12:01", "12:04"}, 2},
		{v1.QueueConcurrent, []string{"12:01"}, []string{"12:01", "12:02"}, 0},
		{v1.ReplaceConcurrent, []string{"12:01", "12:02", "12:03"}, []string{"12:01", "12:02", "12:03", "12:04"}, 0},
	} {
		t.Run(string(test.policy), func(t *testing.T) {
			spec := v1.CronTabSpec{CronSpec: "* * * * *", ConcurrencyPolicy: test.policy, RunSpec: v1.RunSpec{Image: "i"}}
			spec.SuccessfulRunsHistoryLimit, spec.FailedRunsHistoryLimit = ptr.To[int32](9), ptr.To[int32](9)
			w := newWorld(rand.New(rand.NewPCG(1, 1)), spec)
			w.advance("12:03:30")
			if got := w.ran(); !slices.Equal(got, test.during) {
				t.Errorf("while the first is active, %v have started", got)
			}
			w.finish("12:01:00")
			w.advance("12:04:10")
			if got := w.ran(); !slices.Equal(got, test.afterwards) {
				t.Errorf("then, %v have started", got)
			}
			if got := ptr.Deref(w.tab().Status.MissedRuns, 0); got != test.missed {
				t.Errorf("%d are missed", got)
			}
			if active := len(w.tab().Status.Active); test.policy != v1.AllowConcurrent && active != 1 {
				t.Errorf("%d are active", active)
			}
			if len(w.violations) > 0 {
				t.Error(w.violations)
			}
		})
	}
}

// One run waits, and those that are due meanwhile are missed, unless all are to be caught up.
func TestQueueHasOnePlace(t *testing.T) {
	for catchUp, want := range map[v1.CatchUpPolicy][]string{
		v1.CatchUpNone: {"12:01", "12:02", "12:04"}, v1.CatchUpLatest: {"12:01", "12:02", "12:04"}, v1.CatchUpAll: {"12:01", "12:02", "12:03"},
	} {
		spec := v1.CronTabSpec{CronSpec: "* * * * *", ConcurrencyPolicy: v1.QueueConcurrent, CatchUp: catchUp, RunSpec: v1.RunSpec{Image: "i"}}
		w := newWorld(rand.New(rand.NewPCG(1, 1)), spec)
		w.advance("12:04:30")
		w.finish("12:01:00")
		w.advance("12:05:50")
		w.finish("12:02:00")
		w.advance("12:06:10")
		if got := w.ran(); !slices.Equal(got, want) {
			t.Errorf("%s: %v have started, not %v", catchUp, got, want)
		}
	}
}

// A run that was asked for makes the next scheduled one wait, also where that one was released already.
func TestRequestHoldsTheNextRun(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{
		CronSpec: "* * * * *", ConcurrencyPolicy: v1.ForbidConcurrent, RunSpec: v1.RunSpec{Image: "i"},
	})
	w.advance("12:00:40")
	w.edit(w.tab(), func(o client.Object) { o.SetAnnotations(map[string]string{v1.AnnotationRunRequest: "now"}) })
	w.advance("12:01:10")
	if w.runs["now"] != 1 || len(w.ran()) != 0 || ptr.Deref(w.tab().Status.MissedRuns, 0) != 1 {
		t.Errorf("runs %v, status %+v", w.runs, w.tab().Status)
	}
	if status := w.tab().Status; status.LastScheduleTime != nil || status.LastRequest != "now" || len(status.Active) != 1 {
		t.Errorf("status %+v", status)
	}
	w.advance("12:01:40")
	if w.runs["now"] != 1 {
		t.Errorf("it ran %d times", w.runs["now"])
	}
}

// Cancelling or deleting the next At skips this run, and no other.
func TestSkip(t *testing.T) {
	for name, skip := range map[string]func(*world, *cnatv1.At){
		"cancelled": func(w *world, at *cnatv1.At) {
			w.edit(at, func(o client.Object) { o.(*cnatv1.At).Spec.Cancel = ptr.To(true) })
		},
		"deleted": func(w *world, at *cnatv1.At) { w.Remove(apimodel.KeyOf(at)) },
	} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
		w.advance("12:00:40")
		skip(w, w.ats()[0])
		w.advance("12:03:10")
		if got := w.ran(); !slices.Equal(got, []string{"12:02", "12:03"}) {
			t.Errorf("%s: %v have started", name, got)
		}
		if missed := ptr.Deref(w.tab().Status.MissedRuns, 0); missed != 0 {
			t.Errorf("%s: %d are missed", name, missed)
		}
	}
}

// What is due while the CronTab is suspended does not run later.
func TestSuspend(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", CatchUp: v1.CatchUpAll, RunSpec: v1.RunSpec{Image: "i"}})
	suspend := func(suspended bool) {
		w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.Suspend = &suspended })
	}
	w.advance("12:00:40")
	suspend(true)
	w.advance("12:03:30")
	status := w.tab().Status
	if len(w.ats()) != 0 || status.NextScheduleTime != nil || !meta.IsStatusConditionTrue(status.Conditions, v1.ConditionSuspended) ||
		!meta.IsStatusConditionTrue(status.Conditions, v1.ConditionReady) {
		t.Errorf("suspended: %d Ats, %+v", len(w.ats()), status)
	}
	w.suspended = time.Time{}
	suspend(false)
	w.advance("12:04:10")
	if got := w.ran(); !slices.Equal(got, []string{"12:04"}) || len(w.violations) > 0 {
		t.Errorf("%v have started; %v", got, w.violations)
	}
}

// Runs that were due when the CronTab was suspended, and had not started, do not run later either. They are missed, and
// those are not that come due while it is suspended.
func TestSuspendWithRunsDue(t *testing.T) {
	suspend := func(w *world, suspended bool) {
		w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.Suspend = &suspended })
	}
	// The At of 12:01 can't start before 12:01:20.
	notStarted := func(w *world) {
		for w.Now = day("12:00:50"); w.Now.Before(day("12:01:20")); w.Now = w.Now.Add(time.Second) {
			w.reconcile(&leader{world: w, pauseAt: -1})
		}
		suspend(w, true)
	}
	for name, test := range map[string]struct {
		edit   func(*v1.CronTabSpec)
		happen func(*world)
		missed int64
	}{
		"one is recorded": {happen: notStarted, missed: 1},
		"one is recorded, resumed at once": {happen: func(w *world) {
			notStarted(w)
			w.reconcile(&leader{world: w, pauseAt: -1})
			suspend(w, false)
			w.reconcile(&leader{world: w, pauseAt: -1})
			suspend(w, true)
		}, missed: 1},
		"the operator was down": {happen: func(w *world) { w.Now = day("12:03:20"); suspend(w, true) }, missed: 3},
		"the operator was down, and it is resumed while the first is taken back": {happen: func(w *world) {
			w.Now = day("12:03:20")
			suspend(w, true)
			w.reconcile(&leader{world: w, pauseAt: -1})
			suspend(w, false)
			w.reconcile(&leader{world: w, pauseAt: -1})
			suspend(w, true)
		}, missed: 3},
		"none was due": {happen: func(w *world) { suspend(w, true) }},
		"the schedule was changed": {happen: func(w *world) {
			notStarted(w)
			w.edit(w.tab(), func(o client.Object) {
				o.(*v1.CronTab).Spec.Suspend, o.(*v1.CronTab).Spec.CronSpec = nil, "*/30 * * * *"
			})
			w.advance("12:01:30")
			suspend(w, true)
		}, missed: 1},
	} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", CatchUp: v1.CatchUpAll, RunSpec: v1.RunSpec{Image: "i"}})
		w.advance("12:00:40")
		test.happen(w)
		w.settle()
		if got := ptr.Deref(w.tab().Status.MissedRuns, 0); got != test.missed {
			t.Errorf("%s: suspended: %d are missed, not %d", name, got, test.missed)
		}
		w.advance("12:05:30")
		w.suspended = time.Time{}
		suspend(w, false)
		w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.CronSpec = "* * * * *" })
		w.advance("12:06:10")
		if got := w.ran(); !slices.Equal(got, []string{"12:06"}) || len(w.violations) > 0 {
			t.Errorf("%s: %v have started; %v", name, got, w.violations)
		}
		if got := ptr.Deref(w.tab().Status.MissedRuns, 0); got != test.missed {
			t.Errorf("%s: %d are missed, not %d", name, got, test.missed)
		}
	}
}

// A run that is spread is due after its scheduled time: neither a suspension that is over by then nor an edit loses it.
func TestSpreadRunIsNotLost(t *testing.T) {
	const window = 590
	spread := schedule.SpreadOf("CronTab-1", window*time.Second)
	due := day("12:10:00").Add(spread)
	if spread < time.Minute {
		t.Fatal("the spread is too short for this test")
	}
	for name, edits := range map[string][]func(*v1.CronTabSpec){
		"suspended and resumed": {
			func(spec *v1.CronTabSpec) { spec.Suspend = ptr.To(true) }, func(spec *v1.CronTabSpec) { spec.Suspend = nil },
		},
		"given an end": {func(spec *v1.CronTabSpec) { spec.NotAfter = ptr.To(metav1.NewTime(day("18:00:00"))) }},
	} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{
			CronSpec: "*/10 * * * *", SpreadSeconds: ptr.To[int32](window), RunSpec: v1.RunSpec{Image: "i"},
		})
		w.advance("12:10:05")
		for i, edit := range edits {
			w.suspended = time.Time{}
			w.edit(w.tab(), func(o client.Object) { edit(&o.(*v1.CronTab).Spec) })
			w.advance(day("12:10:06").Add(time.Duration(i) * time.Second).Format(time.TimeOnly))
		}
		w.advance(due.Add(2 * time.Second).Format(time.TimeOnly))
		if got := w.ran(); !slices.Contains(got, "12:10") || len(w.violations) > 0 {
			t.Errorf("%s: %v have started by %s; %v", name, got, due, w.violations)
		}
	}
}

// An edit of what runs takes effect with the next run, whose time stays; one of the schedule replaces that.
func TestEdits(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
	w.advance("12:00:58")
	w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.Image = "other" })
	w.advance("12:01:05")
	if ats := w.ats(); !started(ats[0]) || ats[0].Spec.Template.Spec.Containers[0].Image != "other" {
		t.Errorf("started %v with %+v", started(ats[0]), ats[0].Spec.Template)
	}
	w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.CronSpec = "5 * * * *" })
	w.advance("12:05:10")
	if got := w.ran(); !slices.Equal(got, []string{"12:01", "12:05"}) || len(w.violations) > 0 {
		t.Errorf("%v have started; %v", got, w.violations)
	}
}

// While somebody else's finalizer holds a CronTab that is being deleted, nothing starts.
func TestDeletedButHeld(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
	w.advance("12:00:40")
	w.edit(w.tab(), func(o client.Object) {
		o.SetFinalizers([]string{"finalizer.stable.example.com"})
		o.SetDeletionTimestamp(ptr.To(o.GetCreationTimestamp()))
	})
	w.advance("12:03:10")
	if got := w.ran(); len(got) != 0 || len(w.tab().Finalizers) != 1 || meta.IsStatusConditionTrue(w.tab().Status.Conditions, v1.ConditionReady) {
		t.Errorf("%v have started; %+v", got, w.tab())
	}
}

// What is beyond the history limits is deleted, the oldest first.
func TestHistory(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
	for minute := range 9 {
		w.advance(day("12:01:05").Add(time.Duration(minute) * time.Minute).Format("15:04:05"))
		w.finish(day("12:01:00").Add(time.Duration(minute) * time.Minute).Format("15:04:05"))
	}
	phases := map[cnatv1.AtPhase]int{}
	for _, at := range w.ats() {
		phases[at.Status.Phase]++
	}
	if phases[cnatv1.AtSucceeded] != 3 || phases[cnatv1.AtFailed] != 1 || w.tab().Status.LastSuccessfulTime == nil {
		t.Errorf("%v", phases)
	}
}

// A run that is asked for just when the next one is due waits for it, as that can't be held back any more.
func TestRequestAtTheLastMoment(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{
		CronSpec: "* * * * *", ConcurrencyPolicy: v1.QueueConcurrent, RunSpec: v1.RunSpec{Image: "i"},
	})
	w.advance("12:00:59")
	w.Now = day("12:01:00")
	w.edit(w.tab(), func(o client.Object) { o.SetAnnotations(map[string]string{v1.AnnotationRunRequest: "now"}) })
	w.reconcile(&leader{world: w, pauseAt: -1})
	if len(w.ats()) != 1 {
		t.Errorf("%d Ats", len(w.ats()))
	}
	w.advance("12:01:30")
	if got := w.ran(); !slices.Equal(got, []string{"12:01"}) || w.runs["now"] != 0 {
		t.Errorf("%v, %v", got, w.runs)
	}
	w.finish("12:01:00")
	if w.runs["now"] != 1 || len(w.violations) > 0 {
		t.Errorf("%v, %v", w.runs, w.violations)
	}
}

// An At of the next run's name that is somebody else's is neither adopted nor changed, and reported.
func TestNameConflict(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
	theirs := &cnatv1.At{}
	theirs.Name, theirs.UID = atName(w.tab(), day("12:01:00")), "theirs"
	w.Store(theirs)
	w.reconcile(&leader{world: w, pauseAt: -1})
	stalled := condition(&w.tab().Status, v1.ConditionStalled)
	if stalled.Status != "True" || stalled.Reason != v1.ReasonNameConflict || w.tab().Status.Next != nil || w.ats()[0].ResourceVersion != theirs.ResourceVersion {
		t.Errorf("%+v, %+v", stalled, w.ats()[0])
	}
	w.Remove(apimodel.KeyOf(theirs))
	w.reconcile(&leader{world: w, pauseAt: -1})
	if stalled := condition(&w.tab().Status, v1.ConditionStalled); stalled.Status != "False" || w.tab().Status.Next == nil {
		t.Errorf("%+v", stalled)
	}
}

// What can't be read is reported, and nothing is scheduled by it.
func TestInvalidIsStalled(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "i"}})
	w.advance("12:00:40")
	w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.CronSpec = "0 0 31 2 *" })
	w.advance("12:02:10")
	stalled := condition(&w.tab().Status, v1.ConditionStalled)
	if stalled.Reason != v1.ReasonInvalidSchedule || stalled.Status != "True" || len(w.ats()) != 0 || w.tab().Status.NextScheduleTime != nil {
		t.Errorf("%+v, %d Ats", stalled, len(w.ats()))
	}
}

// A run that is asked for does not start beside the next one, which was released since the cache was filled.
func TestRequestByAnOldCache(t *testing.T) {
	for _, policy := range []v1.ConcurrencyPolicy{v1.ForbidConcurrent, v1.ReplaceConcurrent, v1.QueueConcurrent} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{
			CronSpec: "* * * * *", ConcurrencyPolicy: policy, RunSpec: v1.RunSpec{Image: "i"},
		})
		w.advance("12:00:58")
		unreleased := slices.IndexFunc(w.History, func(r apimodel.Revision) bool { return r.Key.Kind == "At" })
		w.Now = day("12:01:05") // the At controller is late
		w.edit(w.tab(), func(o client.Object) { o.SetAnnotations(map[string]string{v1.AnnotationRunRequest: "now"}) })
		if next := w.ats()[0]; !released(next) || started(next) {
			t.Fatalf("%s: the next run is not waiting for the At controller: %+v", policy, next)
		}
		w.reconcile(&leader{world: w, atsBehind: len(w.History) - 1 - unreleased, pauseAt: -1})
		for range 3 {
			for _, at := range w.ats() {
				if !started(at) {
					w.playAt(at)
				}
			}
		}
		if len(w.violations) > 0 || len(w.runs) != 1 {
			t.Errorf("%s: %v, %v", policy, w.violations, w.runs)
		}
	}
}
