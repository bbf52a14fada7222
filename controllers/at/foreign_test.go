package at

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"example.com/cnat-operator/test/apimodel"
)

// A Job that the cache still has may be deleted, and another one have its name:
// that one is not stopped.
func TestStopSparesForeignJob(t *testing.T) {
	m := newModel()
	o := newOperator(m, nil)
	catchUp := func() {
		for _, kind := range kinds {
			o.catchUp(kind, len(m.History))
		}
	}
	m.makeAt(0) // overdue
	for range 4 {
		catchUp()
		o.reconcile("cnrex", fault{})
	}
	catchUp()
	jobs := apimodel.List[*batchv1.Job](m.Objects)
	if len(jobs) != 1 || !started(jobs[0]) {
		t.Fatalf("want one Job that has started, got %+v", jobs)
	}
	m.editAt(2, 0) // cancelled
	o.catchUp(kindAt, len(m.History))
	m.Remove(apimodel.KeyOf(jobs[0]))
	m.squat()
	o.reconcile("cnrex", fault{})
	if m.wrong != nil {
		t.Error(m.wrong)
	}
}
