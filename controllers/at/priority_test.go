package at

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/handler"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

func TestPriorityOf(t *testing.T) {
	tests := map[string]struct {
		now     time.Time
		at      *cnatv1.At
		initial bool
		want    int
	}{
		"due":                         {due, newAt(), false, duePriority},
		"due when the operator began": {due, newAt(), true, duePriority},
		"due, and suspended":          {due, newAt(suspended, observed), false, 0},
		"new, and suspended":          {due, newAt(suspended), false, handler.LowPriority},
		"not due":                     {due.Add(-1), newAt(), false, 0},
		"not due soon, there already": {due.Add(-maxLead - 1), newAt(observed), true, handler.LowPriority},
		"due soon, there already":     {due.Add(-maxLead), newAt(observed), true, 0},
		"new, and not due soon":       {due.Add(-maxLead - 1), newAt(), false, handler.LowPriority},
		"new, and due soon":           {due.Add(-maxLead), newAt(), false, 0},
		"new, and due":                {due, newAt(), false, duePriority},
		"known, and not due soon":     {due.Add(-maxLead - 1), newAt(observed), false, 0},
		"started":                     {due, newAt(startedAs("job-uid")), false, 0},
		"over":                        {due, newAt(inPhase(cnatv1.AtMissed)), true, handler.LowPriority},
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
	for next, want := range map[step]int{
		stepRefused: handler.LowPriority, stepTry: preparePriority, stepWait: preparePriority, stepReady: duePriority,
	} {
		if got := (plan{step: next}).priority(); got == nil || *got != want {
			t.Errorf("after %s it is %v, want %d", next, got, want)
		}
	}
}

// Among those that are to be tried, what is due soon goes first, since its Job is created ahead only once that is done.
func TestTryPriority(t *testing.T) {
	for name, test := range map[string]struct {
		at   *cnatv1.At
		want int
	}{
		"due soon":            {newAt(), 0},
		"due soon, suspended": {newAt(suspended), handler.LowPriority},
		"not due soon":        {newAt(func(at *cnatv1.At) { at.Spec.Schedule.Time = due.Add(1) }), handler.LowPriority},
	} {
		if got := tryPriority(due.Add(-maxLead), test.at, false); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
