package olm

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

func TestJudge(t *testing.T) {
	now := time.Date(2027, 7, 3, 2, 0, 0, 0, time.UTC)
	said := func(status metav1.ConditionStatus, reason string, ago time.Duration) *metav1.Condition {
		return &metav1.Condition{Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(now.Add(-ago))}
	}
	busy := []string{"shop/orders", "shop/goods"}
	tests := map[string]struct {
		// current is what the condition says, busy the Databases that are worked on.
		current *metav1.Condition
		busy    []string

		status  metav1.ConditionStatus
		reason  string
		recheck time.Duration
	}{
		"nothing was said, all is idle":           {status: metav1.ConditionTrue, reason: ReasonIdle},
		"nothing was said, a release is made":     {busy: busy, status: metav1.ConditionFalse, reason: ReasonBusy, recheck: limit},
		"a release begins, whenever idling began": {said(metav1.ConditionTrue, ReasonIdle, time.Hour), busy, metav1.ConditionFalse, ReasonBusy, limit},
		"it is still made":                        {said(metav1.ConditionFalse, ReasonBusy, limit-time.Second), busy, metav1.ConditionFalse, ReasonBusy, time.Second},
		"it is made for too long":                 {said(metav1.ConditionFalse, ReasonBusy, limit), busy, metav1.ConditionTrue, ReasonOverdue, 0},
		"too long was said, and it is still made": {said(metav1.ConditionTrue, ReasonOverdue, time.Second), busy, metav1.ConditionTrue, ReasonOverdue, 0},
		"it ends":                {said(metav1.ConditionFalse, ReasonBusy, time.Minute), nil, metav1.ConditionTrue, ReasonIdle, 0},
		"it ends after too long": {said(metav1.ConditionTrue, ReasonOverdue, time.Hour), nil, metav1.ConditionTrue, ReasonIdle, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judge(now, test.current, test.busy)
			if got.status != test.status || got.reason != test.reason || got.recheck != test.recheck {
				t.Errorf("got %+v", got)
			}
			if len(test.busy) > 0 && !strings.Contains(got.message, "2 Databases, among them shop/goods") {
				t.Errorf("the message names no Database: %s", got.message)
			}
		})
	}
}

func TestWorked(t *testing.T) {
	database := func(name string, edit func(*databasev1.Database)) databasev1.Database {
		db := databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Generation: 2}}
		db.Status.ObservedGeneration = 2
		edit(&db)
		return db
	}
	progressing := func(status metav1.ConditionStatus) func(*databasev1.Database) {
		return func(db *databasev1.Database) {
			db.Status.Conditions = []metav1.Condition{{Type: databasev1.ConditionProgressing, Status: status}}
		}
	}
	got := worked([]databasev1.Database{
		database("progresses", progressing(metav1.ConditionTrue)),
		database("done-or-stalled", progressing(metav1.ConditionFalse)),
		database("new", func(db *databasev1.Database) { db.Status = databasev1.DatabaseStatus{} }),
		database("changed", func(db *databasev1.Database) { db.Generation = 3 }),
		database("deleted", func(db *databasev1.Database) {
			progressing(metav1.ConditionTrue)(db)
			db.DeletionTimestamp = &metav1.Time{}
			db.DeletionTimestamp.Time = time.Date(2027, 7, 3, 2, 0, 0, 0, time.UTC)
		}),
	})
	if want := []string{"ns/changed", "ns/new", "ns/progresses"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
