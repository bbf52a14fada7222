package database

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// storage is what a volume claim is to be, and why that is not what the spec says.
type storage struct {
	// claim is what there is; nil: none.
	claim *corev1.PersistentVolumeClaim
	size  resource.Quantity
	// class is the storage class to ask for; empty: the cluster's default.
	class string
	// mode is the access mode that the claim has, which can't be changed; empty: the chart's.
	mode    corev1.PersistentVolumeAccessMode
	problem *step.Problem
	recheck time.Duration
}

// storageWanted is what the spec says of a volume claim.
type storageWanted struct {
	// field is where it says so.
	field string
	size  resource.Quantity
	class string
}

// classRecheck is how often a storage class that does not let volumes grow is looked at again. Classes are not watched.
const classRecheck = time.Minute

// claim returns a volume claim, or nil. One that the cache does not have may be there without our labels, which matters
// where its absence is a loss.
func (r *Reconciler) claim(ctx context.Context, key client.ObjectKey, known bool) (*corev1.PersistentVolumeClaim, error) {
	claim := &corev1.PersistentVolumeClaim{}
	err := r.Client.Get(ctx, key, claim)
	if apierrors.IsNotFound(err) && known {
		err = r.APIReader.Get(ctx, key, claim)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get volume claim: %w", err)
	}
	return claim, nil
}

// dataStorage finds out what the volume claim of the data is to be.
func (r *Reconciler) dataStorage(ctx context.Context, db *v1.Database) (storage, error) {
	key := client.ObjectKey{Namespace: db.Namespace, Name: step.ClaimName(db)}
	claim, err := r.claim(ctx, key, step.HadData(db))
	if err != nil {
		return storage{}, err
	}
	return r.storageFor(ctx, claim, wanted("spec.storage", db.Spec.Storage))
}

// storageFor finds out what a volume claim is to be. The storage class is asked for only where that is in doubt.
func (r *Reconciler) storageFor(ctx context.Context, claim *corev1.PersistentVolumeClaim, want storageWanted) (storage, error) {
	if claim != nil {
		if err := r.takeUpAgain(ctx, claim); err != nil {
			return storage{}, err
		}
	}
	if !mustGrow(want.size, claim) || ptr.Deref(claim.Spec.StorageClassName, "") == "" {
		return decideStorage(want, claim, nil), nil
	}
	class := &storagev1.StorageClass{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Name: *claim.Spec.StorageClassName}, class)
	if apierrors.IsNotFound(err) {
		return decideStorage(want, claim, nil), nil
	}
	if err != nil {
		return storage{}, fmt.Errorf("get storage class: %w", err)
	}
	return decideStorage(want, claim, class), nil
}

func wanted(field string, spec v1.DatabaseStorage) storageWanted {
	return storageWanted{field: field, size: ptr.Deref(spec.Size, defaultSize), class: spec.StorageClassName}
}

// mustGrow reports whether a claim that can grow is smaller than it should be. One that is not bound can't yet.
func mustGrow(want resource.Quantity, claim *corev1.PersistentVolumeClaim) bool {
	return claim != nil && claim.Status.Phase == corev1.ClaimBound && want.Cmp(requested(claim)) > 0
}

func requested(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// decideStorage decides on size and class. A volume stays in its class and can't shrink, and one that was kept from an
// earlier Database may be of another class and larger than the spec says. It does not ask for more than the class lets the
// volume grow to either: Helm would fail on it, and with it on every other change.
func decideStorage(want storageWanted, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) storage {
	if claim == nil {
		return storage{size: want.size, class: want.class}
	}
	decided := storage{claim: claim, size: requested(claim), class: want.class}
	if modes := claim.Spec.AccessModes; len(modes) == 1 && modes[0] != corev1.ReadWriteOnce {
		decided.mode = modes[0]
	}
	switch {
	case claim.Status.Phase != corev1.ClaimBound:
		if want.size.Cmp(decided.size) < 0 {
			decided.problem = step.NewProblem(v1.ReasonStorageNotBound, "volume claim %s asks for %s and has no volume, and can't be changed "+
				"until it has one. It holds no data: kubectl --namespace=%s delete pvc %s, and it is created again with the %s of %s.size",
				claim.Name, decided.size.String(), claim.Namespace, claim.Name, want.size.String(), want.field)
		}
	case mustGrow(want.size, claim):
		if class != nil && ptr.Deref(class.AllowVolumeExpansion, false) {
			decided.size = want.size
			break
		}
		decided.problem, decided.recheck = notGrown(want, claim, class), classRecheck
	default:
		decided.size = takenBack(want.size, claim)
	}
	if have := claim.Spec.StorageClassName; have != nil && want.class != "" && want.class != *have {
		decided.class = *have
		if decided.problem == nil {
			decided.problem = classKept(want, claim, *have)
		}
	}
	if decided.problem != nil {
		decided.problem.Serving = true
	}
	return decided
}

// values are the chart's for the claim.
func (s storage) values() map[string]any {
	values := map[string]any{"size": s.size.String()}
	if s.class != "" {
		values["storageClassName"] = s.class
	}
	if s.mode != "" {
		values["accessMode"] = string(s.mode)
	}
	return values
}

func notGrown(want storageWanted, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *step.Problem {
	why := "it has no storage class that is there"
	if class != nil {
		why = fmt.Sprintf("its storage class %q does not allow volumes to grow", class.Name)
	}
	has := requested(claim)
	return step.NewProblem(v1.ReasonStorageNotGrown, "volume claim %s stays at %s and does not grow to %s: %s. "+
		"Set %s.size back to %s; to have more room, move the data to a new Database. Everything else goes on",
		claim.Name, has.String(), want.size.String(), why, want.field, has.String())
}

func classKept(want storageWanted, claim *corev1.PersistentVolumeClaim, have string) *step.Problem {
	setTo := fmt.Sprintf("set %s.storageClassName to %q", want.field, have)
	if have == "" {
		setTo = fmt.Sprintf("remove %s.storageClassName", want.field)
	}
	return step.NewProblem(v1.ReasonStorageClassKept, "volume claim %s was there already, and stays in its storage class %q: %s to go on with it. "+
		"To move to %q, restore a backup into a new Database; or, where what is on the volume is not needed, delete this Database "+
		"and the claim", claim.Name, have, setTo, want.class)
}

// smallestGrowth is the least by which a growth that failed must stay ahead of the volume: Kubernetes lets a claim be set
// back to more than the volume has, not to as much.
var smallestGrowth = resource.MustParse("1Mi")

// takenBack is the size of a claim that asks for more than is wanted. Where the volume has grown already, it stays; where
// it has not, the claim is set back as far as it can be.
func takenBack(want resource.Quantity, claim *corev1.PersistentVolumeClaim) resource.Quantity {
	asks := requested(claim)
	has, known := claim.Status.Capacity[corev1.ResourceStorage]
	if !known || has.Cmp(asks) >= 0 || want.Cmp(asks) >= 0 {
		return asks
	}
	least := has.DeepCopy()
	least.Add(smallestGrowth)
	if want.Cmp(least) < 0 {
		want = least
	}
	if want.Cmp(asks) > 0 {
		return asks
	}
	return want
}
