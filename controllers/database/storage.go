package database

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// storage is how large the volume claim is to be, and why it is not as large as the spec says.
type storage struct {
	size    resource.Quantity
	problem *problem
	recheck time.Duration
}

// classRecheck is how often a storage class that does not let volumes grow is looked at again. Classes are not watched.
const classRecheck = time.Minute

// claim returns a volume claim, or nil.
func (r *Reconciler) claim(ctx context.Context, key client.ObjectKey) (*corev1.PersistentVolumeClaim, error) {
	claim := &corev1.PersistentVolumeClaim{}
	err := r.Client.Get(ctx, key, claim)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get volume claim: %w", err)
	}
	return claim, nil
}

// storageFor finds out how large a volume claim is to be. The storage class is asked for only where that is in doubt.
func (r *Reconciler) storageFor(ctx context.Context, key client.ObjectKey, spec v1.DatabaseStorage) (storage, error) {
	claim, err := r.claim(ctx, key)
	if err != nil {
		return storage{}, err
	}
	if claim != nil {
		if err := r.takeUpAgain(ctx, claim); err != nil {
			return storage{}, err
		}
	}
	want := wantedSize(spec)
	if !mustGrow(want, claim) || claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName == "" {
		return sizeFor(want, claim, nil), nil
	}
	class := &storagev1.StorageClass{}
	err = r.APIReader.Get(ctx, client.ObjectKey{Name: *claim.Spec.StorageClassName}, class)
	if apierrors.IsNotFound(err) {
		return sizeFor(want, claim, nil), nil
	}
	if err != nil {
		return storage{}, fmt.Errorf("get storage class: %w", err)
	}
	return sizeFor(want, claim, class), nil
}

func wantedSize(spec v1.DatabaseStorage) resource.Quantity {
	if spec.Size == nil {
		return defaultSize
	}
	return *spec.Size
}

// mustGrow tells whether a claim that can grow is smaller than it should be. One that is not bound can't yet.
func mustGrow(want resource.Quantity, claim *corev1.PersistentVolumeClaim) bool {
	return claim != nil && claim.Status.Phase == corev1.ClaimBound && want.Cmp(requested(claim)) > 0
}

func requested(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// sizeFor decides on the size. Never less than the claim has: it can't shrink, and one that was kept from an earlier
// Database, or grown by hand, may be larger than the spec says. And not more, where its class does not let it grow:
// Helm would fail on it, and with it on every other change.
func sizeFor(want resource.Quantity, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) storage {
	switch {
	case claim == nil:
		return storage{size: want}
	case !mustGrow(want, claim):
		return storage{size: requested(claim)}
	case class != nil && class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion:
		return storage{size: want}
	}
	has := requested(claim)
	why := "it has no storage class that is there"
	if class != nil {
		why = fmt.Sprintf("its storage class %q does not allow volumes to grow", class.Name)
	}
	found := newProblem(v1.ReasonStorageNotGrown, "volume claim %s stays at %s and does not grow to %s: %s. "+
		"Everything else goes on; move the data to a new Database to have more room",
		claim.Name, has.String(), want.String(), why)
	found.serving = true
	return storage{size: has, recheck: classRecheck, problem: found}
}
