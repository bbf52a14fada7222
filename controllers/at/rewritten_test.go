package at

import (
	"testing"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// An At that is rewritten as it is, as the migration of stored Ats does, has another resourceVersion and nothing else. At
// whatever call of whichever reconcile that is, its one Job is started when it is due, and not later.
func TestRewrittenWhilePreparing(t *testing.T) {
	conflicts := 0
	for nth := range 4 { // the reconcile
		for call := range 8 {
			m := newModel()
			o := newOperator(m, nil)
			m.makeAt(2) // due in 2 s
			due := apimodel.List[*cnatv1.At](m.Objects)[0].DueTime().Time
			for i := 0; len(m.started) == 0 && !m.Now.After(due); i++ {
				with := fault{}
				if i == nth {
					with = fault{kind: pause, call: call, meanwhile: func() {
						apimodel.Edit(m.Server, key(kindAt, "cnrex"), func(*cnatv1.At) {})
					}}
				}
				o.catchUpAll()
				o.reconcile("cnrex", with)
				if next, put := o.later["cnrex"]; put && len(m.started) == 0 {
					if next.Equal(m.Now.Add(firstRetry)) {
						conflicts++
					}
					m.Now = next
				}
			}
			if len(m.started) != 1 || !m.Now.Equal(due) || m.wrong != nil {
				t.Errorf("rewritten at call %d of reconcile %d: %d Jobs were started, %s after it was due; %v",
					call, nth, len(m.started), m.Now.Sub(due), m.wrong)
			}
		}
	}
	if conflicts == 0 {
		t.Error("no write met the rewritten At")
	}
}
