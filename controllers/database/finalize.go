package database

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// finalizer holds a Database until its release is uninstalled.
const finalizer = "databases.example.com/release"

// finalize uninstalls the release of a Database that is being deleted, keeps or deletes its data, and lets it go. Helm
// itself keeps the volume claim. What was not made for the Database is left alone.
func (r *Reconciler) finalize(ctx context.Context, db *v1.Database) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(db, finalizer) {
		return ctrl.Result{}, nil
	}
	uninstalled, err := r.uninstall(ctx, db)
	if err != nil {
		return retry(errors.Join(err, r.reportUninstallFailed(ctx, db, err)))
	}
	if uninstalled {
		r.send(db, step.Normal("Uninstalled", "Uninstall", "Uninstalled release "+step.ReleaseName(db)))
	}
	left, err := r.dataOf(ctx, db)
	if err != nil {
		return retry(err)
	}
	if db.Spec.DeletionPolicy == v1.DeletionDelete {
		if err := r.checkUnedited(ctx, db); err != nil {
			return retry(err)
		}
		if err := r.deleteAll(ctx, db, left); err != nil {
			return retry(err)
		}
		if len(left) > 0 {
			// Each of them leads to another pass when it is deleted.
			return retry(r.reportDeleting(ctx, db, left))
		}
	} else if err := r.retainAll(ctx, db, left); err != nil {
		return retry(err)
	}
	if err := r.removeFinalizer(ctx, db); err != nil {
		return retry(err)
	}
	r.tracker.forget(client.ObjectKeyFromObject(db))
	return ctrl.Result{}, nil
}

// uninstall removes the release, unless it never was this Database's, and reports whether there was one.
func (r *Reconciler) uninstall(ctx context.Context, db *v1.Database) (bool, error) {
	name, known := step.ReleaseName(db), db.Status.Release
	stored, err := r.Releases.Observe(ctx, db, name, known.Digest)
	if err != nil {
		return false, err
	}
	if release.Conflicts(stored, known) || stored == nil && known.Revision == 0 {
		return false, nil
	}
	return true, r.Releases.Uninstall(ctx, db, name, known.Digest)
}

// checkUnedited fails with a conflict where a Database was edited after the cache's version of it: its policy may be
// another now, and what is deleted can't be brought back.
func (r *Reconciler) checkUnedited(ctx context.Context, db *v1.Database) error {
	live := &v1.Database{}
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(db), live); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the deletion policy: %w", err)
	}
	if live.ResourceVersion != db.ResourceVersion {
		return apierrors.NewConflict(v1.GroupVersion.WithResource("databases").GroupResource(), db.Name,
			errors.New("it was edited before its data was deleted"))
	}
	return nil
}

// dataOf returns what holds the data of a Database: its volume claim and the Secret that the operator made, as far as
// they are there. It reads them live, since the cache may not yet show what was made a moment ago.
func (r *Reconciler) dataOf(ctx context.Context, db *v1.Database) ([]client.Object, error) {
	var data []client.Object
	claim, secret := &corev1.PersistentVolumeClaim{}, &corev1.Secret{}
	for _, part := range []struct {
		object client.Object
		name   string
		ours   func() bool
	}{
		{claim, step.ClaimName(db), func() bool { return claim.Labels[step.LabelDatabase] == db.Name }},
		{secret, step.CredentialsName(db), func() bool { return step.Belongs(secret, db) }},
	} {
		err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: part.name}, part.object)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", part.name, err)
		}
		if part.ours() {
			data = append(data, part.object)
		}
	}
	return data, nil
}

// deleteAll deletes the objects that are not being deleted yet.
func (r *Reconciler) deleteAll(ctx context.Context, db *v1.Database, objects []client.Object) error {
	for _, object := range objects {
		if !object.GetDeletionTimestamp().IsZero() {
			continue
		}
		// Only the object that was read: another Database of the name may have one by now.
		if err := r.Client.Delete(ctx, object, client.Preconditions{UID: ptr.To(object.GetUID())}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s: %w", object.GetName(), err)
		}
		r.send(db, step.Normal("DataDeleted", "Delete", fmt.Sprintf(
			"Deleted %s, since spec.deletionPolicy is Delete", object.GetName())))
	}
	return nil
}

// retainAll marks objects as left behind by a Database, and sees to it that they are not deleted with it.
func (r *Reconciler) retainAll(ctx context.Context, db *v1.Database, objects []client.Object) error {
	var kept []string
	for _, object := range objects {
		kept = append(kept, object.GetName())
		if object.GetLabels()[step.LabelRetained] != "" {
			continue
		}
		before, ok := object.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("retain %s: %T has no metadata", object.GetName(), object)
		}
		labels := object.GetLabels()
		labels[step.LabelRetained] = "true"
		object.SetLabels(labels)
		object.SetOwnerReferences(step.WithoutOwner(object.GetOwnerReferences(), db.UID))
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := r.Client.Patch(ctx, object, patch); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("retain %s: %w", object.GetName(), err)
		}
	}
	if len(kept) > 0 {
		r.send(db, step.Normal("DataRetained", "Retain", fmt.Sprintf(
			"Kept %s, for a Database of the same name", strings.Join(kept, " and "))))
	}
	return nil
}

// removeFinalizer lets a Database go, unless it was edited after this pass read it: its policy may be another now.
func (r *Reconciler) removeFinalizer(ctx context.Context, db *v1.Database) error {
	before := db.DeepCopy()
	controllerutil.RemoveFinalizer(db, finalizer)
	err := r.Client.Patch(ctx, db, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return nil
}

// reportDeleting says what a Database waits for that is being deleted with its data: a pod of a user's may hold it up.
func (r *Reconciler) reportDeleting(ctx context.Context, db *v1.Database, left []client.Object) error {
	var names []string
	for _, object := range left {
		names = append(names, object.GetName())
	}
	words := fmt.Sprintf("waiting for %s to be deleted; a volume claim stays as long as a pod uses it", strings.Join(names, " and "))
	status := *db.Status.DeepCopy()
	setConditions(&status, db.Generation, []metav1.Condition{
		step.Condition(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonDeleting, words),
		step.Condition(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonDeleting, words),
		step.Condition(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled, "nothing requires user action"),
	})
	status.Reason, status.Message = v1.ReasonDeleting, step.Shortened(words, step.MaxMessage)
	status.ObservedGeneration = db.Generation
	return r.report(ctx, db, status, nil)
}

// reportUninstallFailed reports why a Database is not deleted: at once what the API server refuses, other errors when they
// last.
func (r *Reconciler) reportUninstallFailed(ctx context.Context, db *v1.Database, failure error) error {
	known := r.tracker.of(db)
	if known.Since("uninstall", "failing", r.Clock.Now()) < step.TransientGrace && (helm.IsTransient(failure) || step.IsStaleRead(failure)) {
		return nil
	}
	found := step.NewProblem(v1.ReasonUninstallFailed, "%v", failure)
	status := *db.Status.DeepCopy()
	setConditions(&status, db.Generation, []metav1.Condition{
		step.Condition(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonDeleting, "the Database is being deleted"),
		step.Condition(v1.ConditionProgressing, metav1.ConditionFalse, found.Reason, "waits for user action: "+found.Message),
		step.Condition(v1.ConditionStalled, metav1.ConditionTrue, found.Reason, found.Message),
	})
	status.Reason, status.Message = found.Reason, found.Message
	status.ObservedGeneration = db.Generation
	return r.report(ctx, db, status, nil)
}
