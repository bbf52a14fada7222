// Package storage decides what the volume claims are to be, and finds out whether the data is still there.
package storage

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// Wanted is what the spec says of a volume claim.
type Wanted struct {
	// Field is where it says so.
	Field string
	Size  resource.Quantity
	Class string
}

// Observed is what there is of a volume claim.
type Observed struct {
	// Claim is what there is; nil: none.
	Claim *corev1.PersistentVolumeClaim
	// Class is its storage class. It is read only where it is in doubt whether the claim can grow.
	Class *storagev1.StorageClass
}

// Decision is what a volume claim is to be, and why that is not what the spec says.
type Decision struct {
	// Claim is what there is; nil: none.
	Claim *corev1.PersistentVolumeClaim
	Size  resource.Quantity
	// Class is the storage class to ask for; empty: the cluster's default.
	Class   string
	Problem *step.Problem
	Recheck time.Duration

	// mode is the access mode that the claim has, which can't be changed; empty: the chart's.
	mode corev1.PersistentVolumeAccessMode
}

// DefaultSize is the size of a claim of which the spec says nothing.
var DefaultSize = resource.MustParse("1Gi")

// classRecheck is how often a storage class that does not let volumes grow is looked at again. Classes are not watched.
const classRecheck = time.Minute

// ForData is what the spec says of the claim of the data.
func ForData(db *v1.Database) Wanted { return wanted("spec.storage", db.Spec.Storage) }

// ForDumps is what the spec says of the claim of the dumps.
func ForDumps(db *v1.Database) Wanted {
	return wanted("spec.backup.storage", v1.DatabaseStorage(db.Spec.Backup.Storage))
}

func wanted(field string, spec v1.DatabaseStorage) Wanted {
	return Wanted{Field: field, Size: ptr.Deref(spec.Size, DefaultSize), Class: spec.StorageClassName}
}

// ObserveData reads the claim of the data.
func ObserveData(ctx context.Context, cached, live client.Reader, db *v1.Database) (Observed, error) {
	key := client.ObjectKey{Namespace: db.Namespace, Name: step.ClaimName(db)}
	return observe(ctx, cached, live, key, step.HadData(db), ForData(db))
}

// ObserveDumps reads the claim of the dumps, where there are to be any.
func ObserveDumps(ctx context.Context, cached, live client.Reader, db *v1.Database) (Observed, error) {
	if db.Spec.Backup == nil {
		return Observed{}, nil
	}
	key := client.ObjectKey{Namespace: db.Namespace, Name: step.BackupClaimName(db)}
	return observe(ctx, cached, live, key, db.Status.Backup.Storage.ClaimUID != "", ForDumps(db))
}

// observe reads a claim. One that the cache does not have may be there without our labels, which matters where it is
// known to have been there, so that its absence is a loss.
func observe(
	ctx context.Context, cached, live client.Reader, key client.ObjectKey, known bool, want Wanted,
) (seen Observed, err error) {
	readers := []client.Reader{cached}
	if known {
		readers = append(readers, live)
	}
	seen.Claim, err = step.Find[corev1.PersistentVolumeClaim](ctx, "volume claim", key.Namespace, key.Name, readers...)
	if err != nil || !mustGrow(want.Size, seen.Claim) {
		return seen, err
	}
	if name := ptr.Deref(seen.Claim.Spec.StorageClassName, ""); name != "" {
		seen.Class, err = step.Find[storagev1.StorageClass](ctx, "storage class", "", name, live)
	}
	return seen, err
}

// mustGrow reports whether a claim that can grow is smaller than it should be. One that is not bound can't yet.
func mustGrow(want resource.Quantity, claim *corev1.PersistentVolumeClaim) bool {
	return claim != nil && claim.Status.Phase == corev1.ClaimBound && want.Cmp(requested(claim)) > 0
}

func requested(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// Decide decides on size and class. A volume stays in its class and can't shrink, and one that was kept from an
// earlier Database may be of another class and larger than the spec says. It does not ask for more than the class lets the
// volume grow to either: Helm would fail on it, and with it on every other change.
func Decide(want Wanted, seen Observed) Decision {
	claim, class := seen.Claim, seen.Class
	if claim == nil {
		return Decision{Size: want.Size, Class: want.Class}
	}
	decided := Decision{Claim: claim, Size: requested(claim), Class: want.Class}
	if modes := claim.Spec.AccessModes; len(modes) == 1 && modes[0] != corev1.ReadWriteOnce {
		decided.mode = modes[0]
	}
	switch {
	case claim.Status.Phase != corev1.ClaimBound:
		if want.Size.Cmp(decided.Size) < 0 {
			decided.Problem = step.NewProblem(v1.ReasonStorageNotBound, "volume claim %s asks for %s and has no volume, and can't be changed "+
				"until it has one. It holds no data: kubectl --namespace=%s delete pvc %s, and it is created again with the %s of %s.size",
				claim.Name, decided.Size.String(), claim.Namespace, claim.Name, want.Size.String(), want.Field)
		}
	case mustGrow(want.Size, claim):
		if class != nil && ptr.Deref(class.AllowVolumeExpansion, false) {
			decided.Size = want.Size
			break
		}
		decided.Problem, decided.Recheck = notGrown(want, claim, class), classRecheck
	default:
		decided.Size = takenBack(want.Size, claim)
	}
	if have := claim.Spec.StorageClassName; have != nil && want.Class != "" && want.Class != *have {
		decided.Class = *have
		if decided.Problem == nil {
			decided.Problem = classKept(want, claim, *have)
		}
	}
	if decided.Problem != nil {
		decided.Problem.Serving = true
	}
	return decided
}

// Values are the chart's for the claim.
func (d Decision) Values() map[string]any {
	values := map[string]any{"size": d.Size.String()}
	if d.Class != "" {
		values["storageClassName"] = d.Class
	}
	if d.mode != "" {
		values["accessMode"] = string(d.mode)
	}
	return values
}

func notGrown(want Wanted, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *step.Problem {
	why := "it has no storage class that is there"
	if class != nil {
		why = fmt.Sprintf("its storage class %q does not allow volumes to grow", class.Name)
	}
	has := requested(claim)
	return step.NewProblem(v1.ReasonStorageNotGrown, "volume claim %s stays at %s and does not grow to %s: %s. "+
		"Set %s.size back to %s; to have more room, move the data to a new Database. Everything else goes on",
		claim.Name, has.String(), want.Size.String(), why, want.Field, has.String())
}

func classKept(want Wanted, claim *corev1.PersistentVolumeClaim, have string) *step.Problem {
	setTo := fmt.Sprintf("set %s.storageClassName to %q", want.Field, have)
	if have == "" {
		setTo = fmt.Sprintf("remove %s.storageClassName", want.Field)
	}
	return step.NewProblem(v1.ReasonStorageClassKept, "volume claim %s was there already, and stays in its storage class %q: %s to go on with it. "+
		"To move to %q, restore a backup into a new Database; or, where what is on the volume is not needed, delete this Database "+
		"and the claim", claim.Name, have, setTo, want.Class)
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

// Act removes the mark from a volume claim that an earlier Database of this name left behind.
func (d Decision) Act(ctx context.Context, c client.Client) error {
	if d.Claim == nil || d.Claim.Labels[step.LabelRetained] == "" {
		return nil
	}
	claim := d.Claim.DeepCopy()
	delete(claim.Labels, step.LabelRetained)
	if err := c.Patch(ctx, claim, client.MergeFrom(d.Claim)); err != nil {
		return fmt.Errorf("take up volume claim %s: %w", claim.Name, err)
	}
	return nil
}
