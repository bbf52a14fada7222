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

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/write"
)

// act carries a plan out, by one write at most, and leaves in the snapshot what
// the API server answered.
func (r *Reconciler) act(ctx context.Context, next plan, seen *snapshot) error {
	switch next.step {
	case stepTry:
		return r.ask(ctx, seen)
	case stepHold:
		return r.hold(ctx, seen)
	case stepPrepare:
		return r.prepare(ctx, seen)
	case stepStart:
		return r.start(ctx, seen)
	case stepRetract:
		before := seen.job.DeepCopy()
		delete(seen.job.Annotations, generationAnnotation)
		return write.Stale("retracting Job "+seen.job.Name, r.Client.Patch(ctx, seen.job, write.Locked(before)))
	case stepStop:
		return r.stop(ctx, seen)
	case stepCollect:
		return r.collect(ctx, seen)
	case stepRelease:
		return r.release(ctx, seen)
	case stepConflict:
		seen.refusal = r.refusals.note(seen.at, cnatv1.ReasonNameConflict, fmt.Sprintf(
			"a Job %q exists that this At does not own: delete that Job, or create the At under another name",
			seen.job.Name), r.Clock.Now())
		return nil
	case stepExpire:
		at := seen.at
		return write.Stale("deleting the At after its time to live",
			r.Client.Delete(ctx, at, client.Preconditions{UID: &at.UID, ResourceVersion: &at.ResourceVersion}))
	default: // the rest is for the status to report
		return nil
	}
}

// hold adds the finalizer to the At.
func (r *Reconciler) hold(ctx context.Context, seen *snapshot) error {
	before := seen.at.DeepCopy()
	controllerutil.AddFinalizer(seen.at, preparedFinalizer)
	return write.Stale("adding the finalizer", r.Client.Patch(ctx, seen.at, write.Locked(before)))
}

// release removes the finalizer from the At, or that of version 0.2.0 from its Job.
func (r *Reconciler) release(ctx context.Context, seen *snapshot) error {
	if !atPinned(seen.at) {
		before := seen.job.DeepCopy()
		controllerutil.RemoveFinalizer(seen.job, oldRunFinalizer)
		return write.Stale("removing the finalizer of Job "+seen.job.Name, r.Client.Patch(ctx, seen.job, write.Locked(before)))
	}
	before := seen.at.DeepCopy()
	controllerutil.RemoveFinalizer(seen.at, preparedFinalizer)
	return write.Stale("removing the finalizer", r.Client.Patch(ctx, seen.at, write.Locked(before)))
}

// prepare creates the At's Job, suspended.
func (r *Reconciler) prepare(ctx context.Context, seen *snapshot) error {
	job := newJob(seen.at, r.CommandImage)
	err := r.Client.Create(ctx, job)
	switch {
	case err == nil:
		seen.job, seen.queue = job, queueOf(job)
		return nil
	case apierrors.IsAlreadyExists(err):
		seen.live = false
		return r.readJob(ctx, r.APIReader, seen)
	case write.IsRefusal(err):
		seen.refusal = r.refusals.note(seen.at, cnatv1.ReasonJobRefused, err.Error(), r.Clock.Now())
		return nil
	default:
		return fmt.Errorf("creating Job %s: %w", job.Name, err)
	}
}

// start lets the recorded Job run: the one write that is left when it is due.
// It can only reach that Job, and only while it is not retracted.
func (r *Reconciler) start(ctx context.Context, seen *snapshot) error {
	now := r.Clock.Now()
	job, err := r.startWhole(ctx, seen, now)
	if job == nil && err == nil {
		job, err = r.startPatched(ctx, seen, now)
	}
	switch {
	case err == nil:
		seen.job, seen.refusal = job, nil
		r.refusals.forget(seen.at.UID)
		log.FromContext(ctx).Info("Job started", "job", job.Name, "lateness", max(0, now.Sub(freeTime(seen.at, &seen.at.Status))).String())
		return nil
	case apierrors.IsNotFound(err), apierrors.IsInvalid(err) && r.changed(ctx, seen.job):
		return write.ErrStale
	case write.IsRefusal(err):
		seen.refusal = r.refusals.note(seen.at, cnatv1.ReasonJobRefused, err.Error(), now)
		return nil
	default:
		return fmt.Errorf("starting Job %s: %w", seen.job.Name, err)
	}
}

// startWhole starts a Job by writing it as a whole, in the version that was read: that costs the API server half of what
// a patch does, when many start at one instant. So does that it need not keep book any more of who set which field.
// It returns nil if the Job was not read as a whole, may hold what this client does not know, or has changed.
func (r *Reconciler) startWhole(ctx context.Context, seen *snapshot, now time.Time) (*batchv1.Job, error) {
	if len(seen.job.Spec.Template.Spec.Containers) == 0 || seen.job.Generation != 1 || seen.job.UID != recorded(seen.at) {
		return nil, nil
	}
	job := seen.job.DeepCopy()
	job.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	job.Spec.Suspend = ptr.To(false)
	job.Annotations[startedAtAnnotation] = startedAtText(now)
	err := r.Client.Update(ctx, job)
	if apierrors.IsConflict(err) || apierrors.IsInvalid(err) {
		return nil, nil
	}
	return job, err
}

// startPatched starts a Job by a patch.
func (r *Reconciler) startPatched(ctx context.Context, seen *snapshot, now time.Time) (*batchv1.Job, error) {
	patch, err := startPatch(recorded(seen.at), seen.job.Annotations[generationAnnotation], now)
	if err != nil {
		return nil, err
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: seen.job.Namespace, Name: seen.job.Name}}
	return job, r.Client.Patch(ctx, job, patch)
}

// changed reports whether a Job is not to be started any more as it was read: that,
// and not a policy, can be why the API server calls its start invalid.
func (r *Reconciler) changed(ctx context.Context, read *batchv1.Job) bool {
	job := &batchv1.Job{}
	err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(read), job)
	return err != nil || job.UID != read.UID || job.Annotations[generationAnnotation] != read.Annotations[generationAnnotation]
}

// startPatch lets the Job with that UID run, if it is still to run for that
// generation of its At.
func startPatch(uid types.UID, generation string, now time.Time) (client.Patch, error) {
	annotation := "/metadata/annotations/"
	return write.JSONPatch(
		write.Operation{Op: "test", Path: "/metadata/uid", Value: uid},
		write.Operation{Op: "test", Path: annotation + write.Key(generationAnnotation), Value: generation},
		write.Operation{Op: "replace", Path: "/spec/suspend", Value: false},
		write.Operation{Op: "add", Path: annotation + write.Key(startedAtAnnotation), Value: startedAtText(now)},
	)
}

func startedAtText(now time.Time) string { return now.UTC().Format(time.RFC3339Nano) }

// stop ends a Job as if its deadline had passed: its pods are ended gracefully
// and, other than by a suspension, no one can make it go on.
func (r *Reconciler) stop(ctx context.Context, seen *snapshot) error {
	if ptr.Deref(seen.job.Spec.ActiveDeadlineSeconds, 0) == 1 {
		return nil
	}
	before := seen.job.DeepCopy()
	seen.job.Spec.ActiveDeadlineSeconds = ptr.To[int64](1)
	return write.Stale("stopping Job "+seen.job.Name, r.Client.Patch(ctx, seen.job, write.Locked(before)))
}

// collect deletes a Job that is suspended, as it was read: one that was started
// in the meantime is another version.
func (r *Reconciler) collect(ctx context.Context, seen *snapshot) error {
	job := seen.job
	err := r.Client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground),
		client.Preconditions{UID: &job.UID, ResourceVersion: &job.ResourceVersion})
	if err == nil {
		seen.job = nil
	}
	return write.Stale("deleting Job "+job.Name, err)
}
