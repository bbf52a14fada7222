package at

import (
	"context"
	"fmt"
	"time"

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
// leaves that in seen, and decides anew. refused is the API server's refusal of
// the Job.
func (r *Reconciler) act(ctx context.Context, now time.Time, next *plan, seen *snapshot) (refused, err error) {
	switch next.step {
	case stepStart:
		if refused, err = r.start(ctx, seen); err != nil {
			return nil, err
		}
		switch {
		case seen.job != nil:
			*next = decide(now, *seen)
		case refused == nil:
			next.step = stepNone // the new Job's own event brings the At back here
		}
	case stepStop:
		return nil, r.stop(ctx, seen.job)
	case stepExpire:
		at := seen.at
		err := r.Client.Delete(ctx, at, client.Preconditions{UID: &at.UID, ResourceVersion: &at.ResourceVersion})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return nil, fmt.Errorf("deleting the At after its time to live: %w", err)
		}
	default: // the rest is for the status to report
	}
	return refused, nil
}

// start creates the At's Job. Where one has the name already, it is left in
// seen. no is the API server's refusal.
func (r *Reconciler) start(ctx context.Context, seen *snapshot) (no, err error) {
	job := newJob(seen.at, r.CommandImage, r.Clock.Now())
	err = r.Client.Create(ctx, job)
	switch {
	case err == nil:
		log.FromContext(ctx).Info("Job created", "job", job.Name, "lateness", lateness(seen.at, r.Clock.Now()).String())
		return nil, nil
	case apierrors.IsAlreadyExists(err):
		err = r.readJob(ctx, r.APIReader, seen)
		if err == nil && seen.job == nil {
			err = fmt.Errorf("creating Job %s: it existed, and is deleted", job.Name)
		}
		return nil, err
	case refused(err):
		return err, nil
	default:
		return nil, fmt.Errorf("creating Job %s: %w", job.Name, err)
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
