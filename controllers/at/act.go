package at

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// act carries a plan out. Where a start meets a Job that is there already, it
// leaves that in seen, and decides anew.
func (r *Reconciler) act(ctx context.Context, at *cnatv1alpha1.At, next *plan, seen *observation) error {
	switch next.step {
	case stepStart:
		if err := r.start(ctx, at, seen); err != nil {
			return err
		}
		switch {
		case seen.job != nil:
			*next = decide(seen.now, at, seen.job)
		case seen.refused == nil:
			next.step = stepNone // the new Job's own event brings the At back here
		}
	case stepStop:
		return r.stop(ctx, seen.job)
	case stepExpire:
		err := r.Client.Delete(ctx, at, client.Preconditions{UID: &at.UID, ResourceVersion: &at.ResourceVersion})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("deleting the At after its time to live: %w", err)
		}
	default: // the rest is for the status to tell
	}
	return nil
}

// getJob is the object with the name of the At's Job, or nil if there is none.
func (r *Reconciler) getJob(ctx context.Context, from client.Reader, at *cnatv1alpha1.At) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	key := types.NamespacedName{Namespace: at.Namespace, Name: jobName(at)}
	err := from.Get(ctx, key, job)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Job %s: %w", key.Name, err)
	}
	return job, nil
}

// start creates the At's Job. It notes in seen what stands in the way: a Job
// that has the name already, or the API server's refusal.
func (r *Reconciler) start(ctx context.Context, at *cnatv1alpha1.At, seen *observation) error {
	job := newJob(at, r.CommandImage, r.Clock.Now())
	err := r.Client.Create(ctx, job)
	switch {
	case err == nil:
		log.FromContext(ctx).Info("Job created", "job", job.Name, "lateness", lateness(at, r.Clock.Now()).String())
		return nil
	case apierrors.IsAlreadyExists(err):
		seen.job, err = r.getJob(ctx, r.APIReader, at)
		if err == nil && seen.job == nil {
			err = fmt.Errorf("creating Job %s: it was there, and is gone", job.Name)
		}
		return err
	case refused(err):
		seen.refused = err
		return nil
	default:
		return fmt.Errorf("creating Job %s: %w", job.Name, err)
	}
}

// refused tells whether the API server said no to what was asked, as a quota,
// a policy, a webhook or a namespace that is being deleted make it do; not that
// it was too busy or could not be reached. An internal error is what it gives
// when a webhook that must be asked can't be.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsNotAcceptable(err) ||
		apierrors.IsInternalError(err)
}

// stop ends a Job as if its deadline had passed: its pods are ended gracefully
// and, other than by a suspension, no one can make it go on.
func (r *Reconciler) stop(ctx context.Context, job *batchv1.Job) error {
	if ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1 {
		return nil
	}
	stopped := job.DeepCopy()
	stopped.Spec.ActiveDeadlineSeconds = ptr.To[int64](1)
	// The lock spares another Job that has come to the name. After a conflict,
	// the event of the newer Job brings the At back here.
	err := r.Client.Patch(ctx, stopped, client.MergeFromWithOptions(job, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("stopping Job %s: %w", job.Name, err)
	}
	return nil
}

// release takes the finalizer from the Jobs that no longer need it, of the At
// that has that name now, and of those that had it before. at is nil if the
// cache has no such At. The cache's word is enough for what it has seen
// recorded; that an At is gone is asked of the API server.
func (r *Reconciler) release(ctx context.Context, key types.NamespacedName, at *cnatv1alpha1.At) error {
	jobs := &batchv1.JobList{}
	if err := r.Client.List(ctx, jobs, client.InNamespace(key.Namespace), client.MatchingFields{jobsOfAt: key.Name}); err != nil {
		return fmt.Errorf("listing the Jobs of the At: %w", err)
	}
	for i := range jobs.Items {
		job := &jobs.Items[i]
		if !controllerutil.ContainsFinalizer(job, runFinalizer) {
			continue
		}
		owner := at
		if owner == nil || !metav1.IsControlledBy(job, owner) {
			owner = &cnatv1alpha1.At{}
			err := r.APIReader.Get(ctx, key, owner)
			if apierrors.IsNotFound(err) {
				owner = nil
			} else if err != nil {
				return fmt.Errorf("reading the At: %w", err)
			}
		}
		if !releasable(owner, job) {
			continue
		}
		held := job.DeepCopy()
		controllerutil.RemoveFinalizer(job, runFinalizer)
		err := r.Client.Patch(ctx, job, client.MergeFromWithOptions(held, client.MergeFromWithOptimisticLock{}))
		// After a conflict, the event of the newer Job brings the At back here.
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return fmt.Errorf("releasing Job %s: %w", job.Name, err)
		}
	}
	return nil
}
