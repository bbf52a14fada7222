package crontab

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/write"
)

// act carries a plan out, by one write at most, and leaves in the snapshot what the API server answered.
func (r *Reconciler) act(ctx context.Context, next plan, seen *snapshot) error {
	switch next.step {
	case stepLook:
		return r.look(ctx, seen)
	case stepLookAtAll:
		return r.lookAtAll(ctx, seen)
	case stepCreate:
		return r.create(ctx, seen, func(tab *v1.CronTab) *cnatv1.At {
			return renderScheduled(tab, next.run, r.CommandImage)
		})
	case stepRequest:
		return r.create(ctx, seen, func(tab *v1.CronTab) *cnatv1.At {
			return renderRequested(tab, requestOf(tab), r.Clock.Now(), r.CommandImage)
		})
	case stepRelease:
		return r.release(ctx, seen, next)
	case stepRetract:
		before := next.at.DeepCopy()
		delete(next.at.Labels, labelRevision)
		next.at.Spec.Suspend = ptr.To(true)
		log.FromContext(ctx).Info("Retracting a run", "at", next.at.Name)
		return write.Stale("retracting At "+next.at.Name, r.Client.Patch(ctx, next.at, write.Locked(before)))
	case stepCancel:
		before := next.at.DeepCopy()
		next.at.Spec.Cancel = ptr.To(true)
		log.FromContext(ctx).Info("Cancelling a run that is replaced", "at", next.at.Name)
		return write.Stale("cancelling At "+next.at.Name, r.Client.Patch(ctx, next.at, write.Locked(before)))
	case stepDelete:
		return r.delete(ctx, seen, next.at)
	default: // the rest is for the status to report
		return nil
	}
}

// create creates an At of what the CronTab runs, which the cache does not hold.
func (r *Reconciler) create(ctx context.Context, seen *snapshot, render func(*v1.CronTab) *cnatv1.At) error {
	tab := &v1.CronTab{}
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(seen.tab), tab); err != nil {
		return write.Stale("reading the CronTab", err)
	}
	if tab.UID != seen.tab.UID || tab.Generation != seen.tab.Generation || requestOf(tab) != requestOf(seen.tab) {
		return write.ErrStale
	}
	at := render(tab)
	err := r.Client.Create(ctx, at)
	switch {
	case err == nil:
		seen.ats = append(seen.ats, at)
		return nil
	case apierrors.IsAlreadyExists(err):
		foreign, err := r.lookFor(ctx, seen, at.Name)
		if foreign {
			seen.refusal = &refusal{v1.ReasonNameConflict, fmt.Sprintf(
				"an At %q exists that this CronTab does not own: delete that At, or create the CronTab under another name",
				at.Name)}
		}
		return err
	case write.IsRefusal(err):
		seen.refusal = &refusal{v1.ReasonRunRefused, err.Error()}
		return nil
	default:
		return fmt.Errorf("creating At %s: %w", at.Name, err)
	}
}

// release lets a recorded At start at its time. It can only reach that At, and only while it is not retracted.
func (r *Reconciler) release(ctx context.Context, seen *snapshot, next plan) error {
	limit := int64(0)
	if !next.run.Scheduled.IsZero() { // one that was asked for may start at any time
		limit = seen.times.limitOf(next.run, waited(&seen.tab.Spec, r.Clock.Since(next.run.At)))
	}
	patch, err := releasePatch(next.at, limit)
	if err != nil {
		return err
	}
	at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: next.at.Namespace, Name: next.at.Name}}
	err = r.Client.Patch(ctx, at, patch)
	switch {
	case err == nil:
		at.DeepCopyInto(next.at)
		log.FromContext(ctx).Info("Scheduled a run", "at", at.Name, "due", at.DueTime().UTC().Format(time.RFC3339))
		return nil
	case apierrors.IsNotFound(err), apierrors.IsInvalid(err) && r.changed(ctx, next.at):
		return write.ErrStale
	case write.IsRefusal(err):
		seen.refusal = &refusal{v1.ReasonRunRefused, err.Error()}
		return nil
	default:
		return fmt.Errorf("releasing At %s: %w", at.Name, err)
	}
}

// changed reports whether an At is not to be released any more as it was read: that, and not a policy, can be why the
// API server calls its release invalid.
func (r *Reconciler) changed(ctx context.Context, read *cnatv1.At) bool {
	at := &cnatv1.At{}
	err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(read), at)
	return err != nil || at.UID != read.UID || at.Labels[labelRevision] != read.Labels[labelRevision]
}

// releasePatch lets an At start at its time, at most so many seconds late, if it is still that At and not retracted.
func releasePatch(at *cnatv1.At, limit int64) (client.Patch, error) {
	operations := []write.Operation{
		{Op: "test", Path: "/metadata/uid", Value: at.UID},
		{Op: "test", Path: "/metadata/labels/" + write.Key(labelRevision), Value: at.Labels[labelRevision]},
		{Op: "add", Path: "/metadata/labels/" + write.Key(labelReleased), Value: "true"},
		{Op: "replace", Path: "/spec/suspend", Value: false},
	}
	if limit > 0 {
		operations = append(operations, write.Operation{Op: "add", Path: "/spec/startingDeadlineSeconds", Value: limit})
	}
	return write.JSONPatch(operations...)
}

// delete deletes an At as it was read: one that was released or changed in the meantime is another version.
func (r *Reconciler) delete(ctx context.Context, seen *snapshot, at *cnatv1.At) error {
	err := r.Client.Delete(ctx, at, client.Preconditions{UID: &at.UID, ResourceVersion: &at.ResourceVersion})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	if err == nil {
		seen.drop(at.Name)
	}
	return write.Stale("deleting At "+at.Name, err)
}
