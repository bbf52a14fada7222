package at

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// aheadClock is ahead of the API server's.
type aheadClock struct {
	clock.RealClock
	by time.Duration
}

// Now implements clock.Clock.
func (c aheadClock) Now() time.Time { return time.Now().Add(c.by) }

// awaitLateness is how late the run of an At was started.
func awaitLateness(t *testing.T, at *cnatv1.At) time.Duration {
	t.Helper()
	awaitAt(t, at, "the lateness", func(status *cnatv1.AtStatus) bool { return status.StartLatency != nil })
	return at.Status.StartLatency.Duration
}

// An At is not late for the time in which it was not to start.
func TestLatenessOfResumedAndEditedAts(t *testing.T) {
	past := ptr.To(metav1.NewTime(time.Now().Add(-time.Hour)))
	for name, test := range map[string]struct{ before, after func(*cnatv1.At) }{
		"resumed": {
			func(at *cnatv1.At) { at.Spec.Schedule, at.Spec.Suspend = past, ptr.To(true) },
			func(at *cnatv1.At) { at.Spec.Suspend = nil },
		},
		"moved into the past": {
			func(at *cnatv1.At) { at.Spec.Schedule = ptr.To(metav1.NewTime(time.Now().Add(time.Hour))) },
			func(at *cnatv1.At) { at.Spec.Schedule = past },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			stop, err := runOperator(namespace, func(*Reconciler) {})
			if err != nil {
				t.Fatal(err)
			}
			add := func(name string) *cnatv1.At {
				at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
				at.Spec.Command = "echo YAY"
				test.before(at)
				create(t, at)
				awaitAt(t, at, "to be observed", func(status *cnatv1.AtStatus) bool { return status.ObservedGeneration == at.Generation })
				return at
			}
			at, missed := add("at-once"), add("while-no-leader-runs")
			change(t, at, func() { test.after(at) })
			if got := awaitLateness(t, at); got > patience {
				t.Errorf("late by %s, for the time before the edit", got)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			change(t, missed, func() { test.after(missed) })
			stop, err = runOperator(namespace, func(r *Reconciler) { r.Clock = aheadClock{by: time.Hour} })
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stop() })
			if got := awaitLateness(t, missed); got < time.Hour-2*time.Second || got > time.Hour+patience {
				t.Errorf("late by %s after an edit that no leader saw for an hour", got)
			}
		})
	}
}
