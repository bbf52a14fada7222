package at

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// report writes the At's status if it changes, and then tells of the change in
// events and metrics.
func (r *Reconciler) report(ctx context.Context, at *cnatv1alpha1.At, next plan, seen observation) error {
	seen.step = next.step
	if seen.job != nil && (seen.step == stepObserve || seen.step == stepStop) {
		if err := r.observePods(ctx, &seen); err != nil {
			return err
		}
	}
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

// observePods reads the run from the pods of the Job.
func (r *Reconciler) observePods(ctx context.Context, seen *observation) error {
	ofJob := []client.ListOption{
		client.InNamespace(seen.job.Namespace),
		client.MatchingLabels{batchv1.ControllerUidLabel: string(seen.job.UID)},
	}
	pods := &corev1.PodList{}
	if err := r.Client.List(ctx, pods, ofJob...); err != nil {
		return fmt.Errorf("listing the pods of Job %s: %w", seen.job.Name, err)
	}
	seen.run = observeRun(pods.Items)
	if seen.run.exitCode != nil || !finished(seen.job) {
		return nil
	}
	// The Job is over, and its status final: the cached pod may be behind.
	if err := r.APIReader.List(ctx, pods, ofJob...); err != nil {
		return fmt.Errorf("listing the pods of Job %s: %w", seen.job.Name, err)
	}
	seen.run = observeRun(pods.Items)
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
