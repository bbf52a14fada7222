package at

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// What nobody but somebody else can start is not due: no alert fires for it.
func TestNextDue(t *testing.T) {
	in := func(d time.Duration) func(*cnatv1.At) {
		return func(at *cnatv1.At) { at.Spec.Schedule = ptr.To(metav1.NewTime(due.Add(d))) }
	}
	says := func(reason string, stalled *stall) func(*cnatv1.At) {
		return func(at *cnatv1.At) { proceed(&at.Status, observation{now: due}, reason, stalled) }
	}
	c := newCensus(nil)
	for _, at := range []*cnatv1.At{
		newAt(in(-5*time.Hour), suspended),
		newAt(in(-4*time.Hour), says(cnatv1.ReasonSuspended, nil)), // its Job is queued
		newAt(in(-3*time.Hour), says(cnatv1.ReasonScheduled, &stall{cnatv1.ReasonJobRefused, "no"})),
		newAt(in(-2*time.Hour), func(at *cnatv1.At) { at.DeletionTimestamp = &metav1.Time{Time: due} }),
		newAt(in(-time.Hour), startedAs("job-uid")),
		newAt(in(time.Hour)),
		newAt(in(time.Minute)),
	} {
		c.count(at, 1)
	}
	if got := c.nextDue(); !got.Equal(due.Add(time.Minute)) {
		t.Errorf("the next is due at %s, want %s", got, due.Add(time.Minute))
	}
	c.count(newAt(in(time.Minute)), -1)
	if got := c.nextDue(); !got.Equal(due.Add(time.Hour)) {
		t.Errorf("the next is due at %s, want %s", got, due.Add(time.Hour))
	}
}

// An At that is over requires no user action that could help it: no alert fires for it.
func TestStalledAtsAreCountedUntilTheyAreOver(t *testing.T) {
	c := newCensus(nil)
	for _, step := range []step{stepRefused, stepMiss} {
		at := newAt(startingDeadline(60))
		at.Status = nextStatus(at, observation{now: due, step: step, refusal: &refusal{reason: cnatv1.ReasonJobRefused}})
		c.count(at, 1)
	}
	if len(c.stalled) != 1 || c.stalled[cnatv1.ReasonJobRefused] != 1 {
		t.Errorf("counted %v", c.stalled)
	}
}

// An At that is moved again and again leaves nothing behind.
func TestCensusForgets(t *testing.T) {
	c := newCensus(nil)
	c.count(newAt(), 1)
	for i := range 100_000 {
		moved := newAt(func(at *cnatv1.At) {
			at.Spec.Schedule = ptr.To(metav1.NewTime(due.Add(time.Duration(i+1) * time.Second)))
		})
		c.count(moved, 1)
		c.count(moved, -1)
	}
	if len(c.due) > 1 || len(c.seconds) > 5000 {
		t.Errorf("it remembers %d times in %d places", len(c.due), len(c.seconds))
	}
	if got := c.nextDue(); !got.Equal(due) {
		t.Errorf("the next is due at %s, want %s", got, due)
	}
}
