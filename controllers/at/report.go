package at

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// report writes the At's status if it changes, and then tells of the change in
// events and metrics.
func (r *Reconciler) report(ctx context.Context, at *cnatv1alpha1.At, seen observation) error {
	old, status := at.Status, nextStatus(at, seen)
	if equality.Semantic.DeepEqual(old, status) {
		return nil
	}
	at.Status = status
	if err := r.Client.Status().Update(ctx, at); err != nil {
		at.Status = old // what was not written is not known to anybody
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return nil // there is a newer At, whose event brings it here, or none
		}
		return fmt.Errorf("writing the status: %w", err)
	}
	for _, e := range eventsBetween(&old, &status) {
		r.Recorder.Eventf(at, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
	measure(at, &old)
	return nil
}

// problem is the error that makes the queue try again later, and later still:
// what stands in the way of a start is not always an object that is watched.
func (o *observation) problem(next plan) error {
	switch {
	case o.refused != nil:
		return fmt.Errorf("creating the Job: %w", o.refused)
	case next.step == stepConflict:
		return fmt.Errorf("creating the Job: a Job %q of another owner exists", o.job.Name)
	default:
		return nil
	}
}
