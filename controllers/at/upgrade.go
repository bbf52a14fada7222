package at

import (
	"context"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/write"
)

// upgradePeriod is how often Jobs are looked for that still have the finalizer
// of version 0.2.0.
const upgradePeriod = 10 * time.Second

// upgrade removes the finalizer of version 0.2.0 from Jobs whose At is deleted.
// From those whose At exists, its reconcile removes it once they are recorded.
// It ends when no Job has it any more, since none gets it again.
type upgrade struct {
	client client.Client
	live   client.Reader
	clock  clock.WithTicker
}

// Start implements manager.Runnable.
func (u *upgrade) Start(ctx context.Context) error {
	ticker := u.clock.NewTicker(upgradePeriod)
	defer ticker.Stop()
	for {
		left, err := u.pass(ctx)
		if err != nil {
			log.FromContext(ctx).Error(err, "Removing the finalizer of version 0.2.0 from Jobs")
		} else if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// pass reads all Jobs once, and returns how many have the finalizer.
func (u *upgrade) pass(ctx context.Context) (found int, err error) {
	jobs := &batchv1.JobList{}
	if err := u.client.List(ctx, jobs, client.UnsafeDisableDeepCopy); err != nil {
		return 0, err
	}
	for i := range jobs.Items {
		if !jobPinned(&jobs.Items[i]) {
			continue
		}
		found++
		job := jobs.Items[i].DeepCopy()
		owner := metav1.GetControllerOf(job)
		if owner != nil {
			at := &cnatv1.At{}
			err := u.live.Get(ctx, types.NamespacedName{Namespace: job.Namespace, Name: owner.Name}, at)
			if err == nil && at.UID == owner.UID {
				continue
			}
			if err != nil && !apierrors.IsNotFound(err) {
				return found, err
			}
		}
		// Of many finalizers, the cache has not all.
		if err := u.live.Get(ctx, client.ObjectKeyFromObject(job), job); apierrors.IsNotFound(err) || err == nil && !jobPinned(job) {
			continue
		} else if err != nil {
			return found, err
		}
		free := job.DeepCopy()
		controllerutil.RemoveFinalizer(free, oldRunFinalizer)
		if err := u.client.Patch(ctx, free, write.Locked(job)); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return found, err
		}
	}
	return found, nil
}
