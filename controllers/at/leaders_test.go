package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// The calls of the reconcile that prepares and starts an overdue At: its finalizer is the first. Then the At and the two
// names that its Job may have are read live, before the Job is created.
const (
	callCreate = 4
	callRecord = 5
	callStart  = 6
)

// catchUpAll lets the operator's cache see all that has happened.
func (o *operator) catchUpAll() {
	for _, kind := range kinds {
		o.catchUp(kind, len(o.model.History))
	}
}

// A leader that stands still while another one runs the At, and the time to
// live deletes it with its Job, creates a second Job in the end, which never runs.
func TestPausedLeaderStartsNoSecondJob(t *testing.T) {
	for call := range callStart + 1 { // at which it stands still
		m := newModel()
		paused, other := newOperator(m, nil), newOperator(m, nil)
		m.makeAt(0) // overdue
		apimodel.Edit(m.Server, key(kindAt, "cnrex"), timeToLive(0))
		paused.catchUpAll()
		var ended bool
		paused.reconcile("cnrex", fault{kind: pause, call: call, meanwhile: func() {
			for range 30 {
				other.catchUpAll()
				other.awake()
				other.reconcile("cnrex", fault{})
				for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
					m.play(job, false, false)
				}
				m.collectGarbage()
				m.Now = m.Now.Add(2 * time.Second)
			}
			ended = len(m.Objects) == 0 && len(m.started) == 1
		}})
		if m.wrong != nil || !ended {
			t.Errorf("standing still at call %d: the other has ended it: %t; %v", call, ended, m.wrong)
		}
	}
}

// lateCreateAndStart is the life of an At whose Job has run and was deleted by
// hand. Then the create of one leader arrives late, and after it the start by
// another one of what was the Job.
func lateCreateAndStart(t *testing.T, plant func(*operator)) []string {
	t.Helper()
	m := newModel()
	creator, starter, leader := newOperator(m, plant), newOperator(m, plant), newOperator(m, plant)
	m.makeAt(0) // overdue
	apimodel.Edit(m.Server, key(kindAt, "cnrex"), holding)
	creator.catchUpAll()
	// The At has its finalizer, so that there is one call less.
	creator.reconcile("cnrex", fault{kind: pause, call: callCreate - 1, meanwhile: func() {
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{kind: crashBefore, call: callStart - 1})
		starter.catchUpAll()
		starter.reconcile("cnrex", fault{kind: late, call: 0})
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{})
		for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
			m.removeByHand(job)
		}
	}})
	jobs := apimodel.List[*batchv1.Job](m.Objects)
	if len(m.started) != 1 || len(jobs) != 1 || started(jobs[0]) || len(m.late) != 1 {
		t.Errorf("the life is not as written: %v, %+v", m.started, jobs)
	}
	m.land()
	return m.wrong
}

func TestLateCreateAndStart(t *testing.T) {
	if wrong := lateCreateAndStart(t, nil); wrong != nil {
		t.Error(wrong)
	}
}

// lateRecord is the life of an At that is edited when its Job was created and
// recorded by one leader, while another still wants to record that Job.
func lateRecord(t *testing.T, plant func(*operator)) []string {
	t.Helper()
	m := newModel()
	late, leader := newOperator(m, plant), newOperator(m, plant)
	m.makeAt(0) // overdue
	late.catchUpAll()
	late.reconcile("cnrex", fault{kind: pause, call: callRecord, meanwhile: func() {
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{kind: crashBefore, call: 4}) // at its start, after live reads and the record
		m.editAt(0, 1)
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{})
	}})
	if jobs := apimodel.List[*batchv1.Job](m.Objects); len(jobs) != 1 || !started(jobs[0]) || jobs[0].UID == "Job-2" {
		t.Errorf("the life is not as written: %+v", jobs)
	}
	return m.wrong
}

func TestLateRecord(t *testing.T) {
	if wrong := lateRecord(t, nil); wrong != nil {
		t.Error(wrong)
	}
}

// deletedWhileStarting are the lives of an At that is deleted at one of the calls of the reconcile that starts it.
func deletedWhileStarting(t *testing.T, plant func(*operator)) (wrong []string) {
	t.Helper()
	deleted := 0
	for call := range 8 {
		m := newModel()
		leader := newOperator(m, plant)
		m.makeAt(0) // overdue
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{kind: pause, call: call, meanwhile: func() {
			m.deleteAt(false)
			deleted++
		}})
		wrong = append(wrong, m.wrong...)
	}
	if deleted <= callStart {
		t.Errorf("it was deleted at %d calls, want all to the start", deleted)
	}
	return wrong
}

func TestDeletedWhileStarting(t *testing.T) {
	if wrong := deletedWhileStarting(t, nil); wrong != nil {
		t.Error(wrong)
	}
}

// retractedWhileStarting are the lives of an At that is suspended at one of the calls of the reconcile that starts it.
// Another leader retracts its Job, and ends at one of its own calls.
func retractedWhileStarting(t *testing.T, plant func(*operator)) (wrong []string) {
	t.Helper()
	retracted := 0
	for call := range 8 {
		for end := range 6 {
			m := newModel()
			leader, other := newOperator(m, plant), newOperator(m, plant)
			m.makeAt(0) // overdue
			leader.catchUpAll()
			leader.reconcile("cnrex", fault{kind: pause, call: call, meanwhile: func() {
				apimodel.Edit(m.Server, key(kindAt, "cnrex"), func(at *cnatv1.At) { suspended(at); edited(at) })
				other.catchUpAll()
				other.reconcile("cnrex", fault{kind: crashAfter, call: end})
				for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
					if isRetracted(job) && !started(job) {
						retracted++
					}
				}
			}})
			wrong = append(wrong, m.wrong...)
		}
	}
	if retracted == 0 {
		t.Error("no Job was left retracted")
	}
	return wrong
}

func TestRetractedWhileStarting(t *testing.T) {
	if wrong := retractedWhileStarting(t, nil); wrong != nil {
		t.Error(wrong)
	}
}

// replacedWhileRetracting are the lives of an At that is edited when it is prepared. At one of the calls of the reconcile
// that retracts its Job, somebody deletes that, and another Job gets its name.
func replacedWhileRetracting(t *testing.T, plant func(*operator)) (wrong []string) {
	t.Helper()
	replaced := 0
	for call := range 8 {
		m := newModel()
		leader := newOperator(m, plant)
		m.makeAt(0) // overdue
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{kind: crashBefore, call: callStart}) // its Job is recorded, and not started
		m.editAt(1, 0)
		leader.catchUpAll()
		leader.reconcile("cnrex", fault{kind: pause, call: call, meanwhile: func() {
			for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
				m.removeByHand(job)
				m.squat()
				replaced++
			}
		}})
		wrong = append(wrong, m.wrong...)
	}
	if replaced < 4 {
		t.Errorf("its Job was replaced at %d calls, want the live reads and the retraction", replaced)
	}
	return wrong
}

func TestReplacedWhileRetracting(t *testing.T) {
	if wrong := replacedWhileRetracting(t, nil); wrong != nil {
		t.Error(wrong)
	}
}

// Nothing but the operator brings a start about again that was refused. It is
// reported, and is not late for the time of the refusal.
func TestRefusedStartIsTriedAgain(t *testing.T) {
	m := newModel()
	o := newOperator(m, nil)
	m.makeAt(0)   // overdue
	for range 3 { // how often it is refused
		o.catchUpAll()
		o.awake()
		refused := fault{kind: refuse, call: callStart}
		if apimodel.Get[*batchv1.Job](m.Objects, key(kindJob, jobName(apimodel.List[*cnatv1.At](m.Objects)[0]))) != nil {
			refused.call = 0
		}
		o.reconcile("cnrex", refused)
		at := apimodel.List[*cnatv1.At](m.Objects)[0]
		stalled := meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionStalled)
		if stalled == nil || stalled.Reason != cnatv1.ReasonJobRefused || o.later["cnrex"].IsZero() {
			t.Fatalf("it is not reported, or not tried again: %s, %v", describe(at), o.later)
		}
		m.Now = o.later["cnrex"].Add(time.Minute)
	}
	o.catchUpAll()
	o.awake()
	o.reconcile("cnrex", fault{})
	o.catchUpAll()
	o.reconcile("cnrex", fault{})
	at := apimodel.List[*cnatv1.At](m.Objects)[0]
	if len(m.started) != 1 || at.Status.StartLatency == nil || at.Status.StartLatency.Duration > time.Second {
		t.Errorf("started: %v, %s, late by %v", m.started, describe(at), at.Status.StartLatency)
	}
}
