package at

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/handler"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

func TestPriorityOf(t *testing.T) {
	tests := map[string]struct {
		now     time.Time
		at      *cnatv1alpha1.At
		initial bool
		want    int
	}{
		"due":                         {due, newAt(), false, duePriority},
		"due when the operator began": {due, newAt(), true, duePriority},
		"due, and suspended":          {due, newAt(suspended), false, 0},
		"not due":                     {due.Add(-1), newAt(), false, 0},
		"not due, there already":      {due.Add(-1), newAt(), true, handler.LowPriority},
		"new, and not due soon":       {due.Add(-maxLead - 1), newAt(), false, handler.LowPriority},
		"new, and due soon":           {due.Add(-maxLead), newAt(), false, 0},
		"new, and due":                {due, newAt(), false, duePriority},
		"known, and not due soon":     {due.Add(-maxLead - 1), newAt(observed), false, 0},
		"started":                     {due, newAt(startedAs("job-uid")), false, 0},
		"over":                        {due, newAt(inPhase(cnatv1alpha1.AtMissed)), true, handler.LowPriority},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := priorityOf(test.now, test.at, test.initial); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// Attempts at what was refused wait behind all else, and a start goes before it.
func TestPriorityOfPlans(t *testing.T) {
	for next, want := range map[step]int{stepRefused: handler.LowPriority, stepWait: preparePriority, stepReady: duePriority} {
		if got := (plan{step: next}).priority(); got == nil || *got != want {
			t.Errorf("after %s it is %v, want %d", next, got, want)
		}
	}
}
