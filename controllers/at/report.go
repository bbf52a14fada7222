package at

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"example.com/cnat-operator/internal/write"
)

// report writes the At's status if it changes, and then sends the events and
// counts the metrics of the change.
func (r *Reconciler) report(ctx context.Context, now time.Time, next plan, seen *snapshot) error {
	at := seen.at
	observed := observation{now: now, step: next.step, job: seen.job, run: seen.run, refusal: seen.refusal, queue: seen.queue}
	status := nextStatus(at, observed)
	if equality.Semantic.DeepEqual(at.Status, status) {
		return nil
	}
	before := at.DeepCopy()
	at.Status = status
	if err := r.Client.Status().Patch(ctx, at, write.Locked(before)); err != nil {
		return write.Stale("writing the status", err)
	}
	for _, e := range eventsBetween(&before.Status, &status, seen.run.over) {
		r.Recorder.Eventf(at, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
	measure(at, &before.Status)
	return nil
}
