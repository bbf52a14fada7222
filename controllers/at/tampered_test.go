package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// Who edits the annotations of a prepared Job brings about another Job, and no polling: the At still runs when it is due.
func TestEditedGenerationOfPreparedJob(t *testing.T) {
	const reconciles, requests = 10, 40 // for one edit, and the run itself
	for name, generation := range map[string]string{
		"of the future": "99", "of the past": "0", "no number": "x",
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel()
			o := newOperator(m, nil)
			m.makeAt(2) // due in 2 s
			o.catchUpAll()
			o.reconcile("cnrex", fault{})
			m.Now = m.Now.Add(time.Second + minLead)
			o.reconcile("cnrex", fault{})
			prepared := apimodel.List[*batchv1.Job](m.Objects)
			if len(prepared) != 1 || len(m.started) != 0 {
				t.Fatalf("it is not prepared: %+v", prepared)
			}
			apimodel.Edit(m.Server, apimodel.KeyOf(prepared[0]), func(job *batchv1.Job) { job.Annotations[generationAnnotation] = generation })
			looks, calls := 0, 0
			for end := m.Now.Add(time.Minute); m.Now.Before(end); m.Now = m.Now.Add(50 * time.Millisecond) {
				o.catchUpAll()
				o.awake()
				if o.queue["cnrex"] {
					o.reconcile("cnrex", fault{})
					looks, calls = looks+1, calls+o.calls
				}
			}
			if looks > reconciles || calls > requests {
				t.Errorf("it was looked at %d times, by %d requests", looks, calls)
			}
			at := apimodel.List[*cnatv1.At](m.Objects)[0]
			if len(m.started) != 1 || m.started[at.UID] == prepared[0].UID || m.wrong != nil {
				t.Errorf("started: %v, %s, %v", m.started, describe(at), m.wrong)
			}
		})
	}
}
