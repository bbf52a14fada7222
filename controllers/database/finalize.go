package database

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "example.com/cnat-operator/api/database/v1"
)

// finalize uninstalls the release of a Database that is being deleted, and lets it go. Helm keeps the volume claim.
// A release of this name that was not made for the Database is left alone.
func (r *Reconciler) finalize(ctx context.Context, db *v1.Database) error {
	if !controllerutil.ContainsFinalizer(db, finalizer) {
		return nil
	}
	uninstalled, err := r.uninstall(ctx, db)
	if err != nil {
		return errors.Join(err, r.reportUninstallFailed(ctx, db, err))
	}
	before := db.DeepCopy()
	controllerutil.RemoveFinalizer(db, finalizer)
	err = r.Client.Patch(ctx, db, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	r.repairs.forget(db.UID)
	r.written.forget(db.UID)
	if uninstalled {
		done := normal("Uninstalled", "Uninstall", fmt.Sprintf(
			"Uninstalled release %s. Volume claim %s with the data stays, for a Database of the same name",
			releaseName(db), claimName(db)))
		r.Recorder.Eventf(db, nil, done.kind, done.reason, done.action, "%s", done.note)
	}
	return nil
}

func (r *Reconciler) uninstall(ctx context.Context, db *v1.Database) (bool, error) {
	name := releaseName(db)
	stored, err := r.Releases.Observe(ctx, db, name)
	if err != nil || stored == nil || stored.Owner != db.Name {
		return false, err
	}
	return true, r.Releases.Uninstall(ctx, db, name)
}

func (r *Reconciler) reportUninstallFailed(ctx context.Context, db *v1.Database, failure error) error {
	seen := &observation{release: releaseResult{
		problem: newProblem(v1.ReasonUninstallFailed, "%v", failure),
	}}
	status := statusFor(db, seen)
	status.Credentials = db.Status.Credentials
	return r.report(ctx, db, status, nil)
}
