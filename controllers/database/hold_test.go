package database

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// starting is the status of a Database whose server starts, and waits for something.
func starting(waiting string) v1.DatabaseStatus {
	status := v1.DatabaseStatus{Reason: v1.ReasonStarting, Message: waiting, ObservedGeneration: 1}
	setConditions(&status, 1, []metav1.Condition{
		step.Condition(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonStarting, waiting),
		step.Condition(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonStarting, waiting),
		step.Condition(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled, "nothing requires user action"),
	})
	for i := range status.Conditions {
		status.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	return status
}

func TestHold(t *testing.T) {
	began := time.Now()
	p := &pass{db: testdb.New(), track: &track{}}
	p.db.Status = starting("waiting for its pod")
	bound := starting("waiting for a login")
	bound.Storage.Phase = "Bound"
	login := starting("waiting for another login")
	for _, look := range []struct {
		after  time.Duration
		status v1.DatabaseStatus
		want   time.Duration
	}{
		{0, p.db.Status, 0},
		{1 * time.Second, bound, startHold},
		{2 * time.Second, login, startHold - time.Second}, // not longer because it changes
		{4 * time.Second, bound, 0},                       // and then it is written
		{5 * time.Second, p.db.Status, 0},
		{6 * time.Second, bound, startHold},
	} {
		p.now = began.Add(look.after)
		if got := p.hold(&look.status); got != look.want {
			t.Errorf("after %s, a status that waits for %q is held for %s, want %s", look.after, look.status.Message, got, look.want)
		}
	}
}

// All else is written at once.
func TestNotHeld(t *testing.T) {
	for name, change := range map[string]func(before, after *v1.DatabaseStatus, seen *observation){
		"another reason": func(_, after *v1.DatabaseStatus, _ *observation) { after.Reason = v1.ReasonReady },
		"not of a start": func(before, after *v1.DatabaseStatus, _ *observation) {
			before.Reason, after.Reason = "Installing", "Installing"
		},
		"another generation": func(_, after *v1.DatabaseStatus, _ *observation) { after.ObservedGeneration++ },
		"another password":   func(_, after *v1.DatabaseStatus, _ *observation) { after.Credentials.Name = "other" },
		"another release":    func(_, after *v1.DatabaseStatus, _ *observation) { after.Release.Revision++ },
		"a restart":          func(_, after *v1.DatabaseStatus, _ *observation) { after.Restarts.Count++ },
		"a problem":          func(_, after *v1.DatabaseStatus, _ *observation) { after.Conditions[2].Message = "no space" },
		"another condition":  func(_, after *v1.DatabaseStatus, _ *observation) { after.Conditions[2].Status = metav1.ConditionTrue },
		"an event beside it": func(_, _ *v1.DatabaseStatus, seen *observation) {
			seen.server.Events = []step.Event{step.Normal("a", "b", "c")}
		},
		"the very same status": func(before, after *v1.DatabaseStatus, _ *observation) { *after = *before },
	} {
		p := &pass{db: testdb.New(), track: &track{}, now: time.Now()}
		p.db.Status = starting("waiting for its pod")
		after := starting("waiting for a login")
		change(&p.db.Status, &after, &p.seen)
		if got := p.hold(&after); got != 0 {
			t.Errorf("%s: held for %s", name, got)
		}
	}
}
