package database

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// A newer chart comes to one Database after another, and stops at the first that does not get ready by it.
func TestRollout(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	old := startOperator(t, namespace, operatorOptions{})
	names := []string{"a", "b", "c"}
	for _, name := range names {
		becomeReady(t, newDatabase(namespace, name).create(t))
	}
	old.stop()

	startOperator(t, namespace, operatorOptions{chart: chartWith(t, "files/stop.sh", "exit 0\n")})
	for left := len(names); left > 0; left-- {
		upgraded := awaitUpgrades(t, namespace, names, len(names)-left+1)
		becomeReady(t, upgraded)
	}
	for _, name := range names {
		waitEvent(t, newDatabase(namespace, name).build(), "Upgraded")
	}
}

// A Database that waits for its turn costs no more than one that has nothing to do.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	var requests requestCounter
	op, waiting := rollOut(t, namespace, operatorOptions{wrap: counted.wrap, transport: requests.wrap})
	eventually(t, "a time without requests", func() error {
		before, calls := requests.Load(), counted.calls.Load()
		for range 3 {
			if _, err := op.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(waiting)}); err != nil {
				t.Fatal(err)
			}
		}
		if n, c := requests.Load()-before, counted.calls.Load()-calls; n != 0 || c != 0 {
			return fmt.Errorf("%d requests, %d calls of Helm", n, c)
		}
		return nil
	})
}

// What others do to a Database that waits is set back to what is stored of it: not to the newer chart, and not later.
func TestDriftIsRepairedWhileWaiting(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	_, db := rollOut(t, namespace, operatorOptions{})
	service := named(&corev1.Service{}, namespace, step.ReleaseName(db))
	statefulSet, claim := statefulSetOf(db), named(&corev1.PersistentVolumeClaim{}, namespace, step.ClaimName(db))
	growByHand(t, claim, "5Gi")
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	template := statefulSet.Spec.Template.DeepCopy()

	if err := api.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Service, owned as before", func() error { return ownedBy(t, service, db) })
	update(t, statefulSet, func() { statefulSet.Spec.Replicas = ptr.To[int32](0) })
	eventually(t, "the replica", func() error {
		if err := get(t, statefulSet); err != nil || *statefulSet.Spec.Replicas != 1 {
			return fmt.Errorf("replicas %v, %w", statefulSet.Spec.Replicas, err)
		}
		return nil
	})
	waitEvent(t, db, "Repaired")
	// It starts again, and still waits.
	waitCondition(t, db, v1.ConditionReady, metav1.ConditionFalse, v1.ReasonStarting)
	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForSlot)
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForSlot)
	if err := get(t, statefulSet); err != nil || !equality.Semantic.DeepEqual(&statefulSet.Spec.Template, template) {
		t.Errorf("the pod is of another chart: %v, %+v", err, statefulSet.Spec.Template)
	}
	if err := get(t, claim); err != nil || claim.Spec.Resources.Requests.Storage().String() != "5Gi" {
		t.Errorf("claim %+v: %v", claim.Spec.Resources, err)
	}
	if db.Status.Release.Revision != 1 {
		t.Errorf("release is %+v", db.Status.Release)
	}
}

// A repair that the API server refuses is reported, and no reason to take the newer chart.
func TestRepairThatFailsWhileWaiting(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	op, db := rollOut(t, namespace, operatorOptions{wrap: counted.wrap})
	counted.failRepair(errors.New("a webhook says no"))
	if err := api.Delete(t.Context(), named(&corev1.Service{}, namespace, step.ReleaseName(db))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
		if _, err := op.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}); err != nil {
			t.Fatal(err)
		}
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForSlot)
	waitCondition(t, db, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	if db.Status.Release.Revision != 1 {
		t.Errorf("release is %+v", db.Status.Release)
	}
}

// growByHand binds a claim, and asks for more.
func growByHand(t *testing.T, claim *corev1.PersistentVolumeClaim, size string) {
	t.Helper()
	bind(t, claim)
	update(t, claim, func() { claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(size) })
}

// rollOut brings a newer chart to two Databases, and leaves one of them waiting for the other, which is not ready.
func rollOut(t *testing.T, namespace string, options operatorOptions) (*operator, *v1.Database) {
	t.Helper()
	grows := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: namespace}, Provisioner: "example.com/none", AllowVolumeExpansion: ptr.To(true),
	}
	if err := api.Create(t.Context(), grows); err != nil {
		t.Fatal(err)
	}
	old := startOperator(t, namespace, operatorOptions{})
	names := []string{"a", "b"}
	for _, name := range names {
		becomeReady(t, newDatabase(namespace, name).spec(func(s *v1.DatabaseSpec) {
			s.Storage.StorageClassName = namespace
			s.Backup = &v1.DatabaseBackup{Schedule: "@daily"}
		}).create(t))
	}
	old.stop()
	options.chart = chartWith(t, "files/stop.sh", "exit 0\n")
	op := startOperator(t, namespace, options)
	if awaitUpgrades(t, namespace, names, 1).Name == "a" {
		return op, newDatabase(namespace, "b").build()
	}
	return op, newDatabase(namespace, "a").build()
}

// awaitUpgrades waits until so many of the Databases were upgraded, and the others say that they wait for the last of
// those, which it returns.
func awaitUpgrades(t *testing.T, namespace string, names []string, want int) *v1.Database {
	t.Helper()
	var last *v1.Database
	eventually(t, "an upgrade, and the rest to wait for it", func() error {
		var upgraded, waiting int
		for _, name := range names {
			db := newDatabase(namespace, name).build()
			if err := get(t, db); err != nil {
				return err
			}
			progressing := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionProgressing)
			switch {
			case db.Status.Release.Revision == 1 && progressing.Reason == v1.ReasonWaitingForSlot:
				waiting++
			case db.Status.Release.Revision == 2:
				upgraded++
				if db.Status.Release.RolloutTime != nil {
					last = db
				}
			}
		}
		if upgraded > want {
			t.Fatalf("%d of %d were upgraded before the one in turn was ready", upgraded, want)
		}
		if upgraded != want || waiting != len(names)-want || last == nil {
			return fmt.Errorf("%d were upgraded, %d wait", upgraded, waiting)
		}
		return nil
	})
	return last
}
