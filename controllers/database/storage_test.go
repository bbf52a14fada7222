package database

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// bind lets a volume claim be bound, as one that grows must be.
func bind(t *testing.T, claim *corev1.PersistentVolumeClaim) {
	t.Helper()
	if err := get(t, claim); err != nil {
		t.Fatal(err)
	}
	before := claim.DeepCopy()
	claim.Status.Phase = corev1.ClaimBound
	if err := api.Status().Patch(t.Context(), claim, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// A volume that can't grow is told of, and holds up nothing else.
func TestVolumeThatCantGrow(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	fixed := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Provisioner: "example.com/none"}
	if err := api.Create(t.Context(), fixed); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "full").spec(func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = namespace }).create(t)
	becomeReady(t, db)
	claim := named(&corev1.PersistentVolumeClaim{}, namespace, "full-database-data")
	bind(t, claim)
	claim.Status.Capacity = claim.Spec.Resources.Requests
	if err := api.Status().Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	update(t, db, func() {
		db.Spec.Storage.Size = quantity("2Gi")
		db.Spec.Image = "example.com/postgres:18.9"
	})
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonStorageNotGrown)
	becomeReady(t, db)
	waitDeployed(t, db, "example.com/postgres:18.9")
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonStorageNotGrown)
	// A size by mistake can be set back to what the volume has, and to no less.
	less := db.DeepCopy()
	less.Spec.Storage.Size = quantity("512Mi")
	if err := api.Update(t.Context(), less); err == nil || !strings.Contains(err.Error(), "status.storage.size") {
		t.Errorf("less than the volume has: %v", err)
	}
	update(t, db, func() { db.Spec.Storage.Size = quantity("1Gi") })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

// A volume that was kept stays in its class, which the spec of the next Database can be set to.
func TestKeptVolumeOfAnotherClass(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "kept").spec(func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "slow" }).create(t)
	becomeReady(t, db)
	bind(t, named(&corev1.PersistentVolumeClaim{}, namespace, "kept-database-data"))
	remove(t, db)
	db = newDatabase(namespace, "kept").spec(func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "fast" }).create(t)
	becomeReady(t, db)
	if err := stalledBy(t, db, v1.ReasonStorageClassKept, `set spec.storage.storageClassName to "slow"`); err != nil {
		t.Error(err)
	}
	other := db.DeepCopy()
	other.Spec.Storage.StorageClassName = "other"
	if err := api.Update(t.Context(), other); err == nil || !strings.Contains(err.Error(), "storageClassName can't be changed") {
		t.Errorf("a third class: %v", err)
	}
	update(t, db, func() { db.Spec.Storage.StorageClassName = "slow" })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

// A claim that is there, as one that was created in advance or restored, keeps its access mode, which can't be changed.
func TestAccessModeOfKeptClaims(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	modes := map[string]corev1.PersistentVolumeAccessMode{
		"kept-database-data": corev1.ReadWriteOncePod, "kept-backup": corev1.ReadWriteMany,
	}
	for name, mode := range modes {
		if err := api.Create(t.Context(), keptClaim(namespace, name, namespace, mode)); err != nil {
			t.Fatal(err)
		}
	}
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "kept").spec(func(s *v1.DatabaseSpec) { s.Backup = &v1.DatabaseBackup{} }).create(t)
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
	for name, mode := range modes {
		claim := named(&corev1.PersistentVolumeClaim{}, namespace, name)
		if err := get(t, claim); err != nil || claim.Spec.AccessModes[0] != mode {
			t.Errorf("%s: %v, %v", name, claim.Spec.AccessModes, err)
		}
	}
	if db.Status.Release.Status != "deployed" || db.Status.Release.Failures > 0 {
		t.Errorf("release %+v", db.Status.Release)
	}
}

// keptClaim is a volume claim of an earlier Database "kept", with Helm's marks of the namespace that it was in.
func keptClaim(namespace, name, from string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	return named(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      map[string]string{step.LabelPartOf: step.PartOf, step.LabelDatabase: "kept", step.LabelManagedBy: "Helm"},
			Annotations: map[string]string{"meta.helm.sh/release-name": "kept-database", "meta.helm.sh/release-namespace": from},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{mode},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceStorage: resource.MustParse("1Gi"),
			}},
		},
	}, namespace, name)
}

// A claim that was restored into another namespace still has the marks of the first: it is left alone, and the message
// has the commands by which it is taken up, as any other.
func TestClaimRestoredIntoAnotherNamespace(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*corev1.PersistentVolumeClaim){
		"restored":       func(*corev1.PersistentVolumeClaim) {},
		"somebody's own": func(claim *corev1.PersistentVolumeClaim) { claim.Labels, claim.Annotations = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			claim := keptClaim(namespace, "kept-database-data", "prod", corev1.ReadWriteOnce)
			edit(claim)
			labeled := len(claim.Labels) > 0
			if err := api.Create(t.Context(), claim); err != nil {
				t.Fatal(err)
			}
			uid := claim.UID
			startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "kept").create(t)
			in := "kubectl --namespace=" + namespace
			command := in + " annotate --overwrite PersistentVolumeClaim/kept-database-data " +
				"meta.helm.sh/release-name=kept-database meta.helm.sh/release-namespace=" + namespace
			if !labeled {
				command += " && " + in + " label --overwrite PersistentVolumeClaim/kept-database-data app.kubernetes.io/managed-by=Helm"
			}
			eventually(t, "NameConflict", func() error { return stalledBy(t, db, v1.ReasonNameConflict, command) })
			update(t, claim, func() {
				kept := keptClaim(namespace, claim.Name, namespace, corev1.ReadWriteOnce)
				claim.Annotations, claim.Labels = kept.Annotations, map[string]string{step.LabelManagedBy: "Helm"}
			})
			becomeReady(t, db)
			if err := get(t, claim); err != nil || claim.UID != uid {
				t.Errorf("another claim: %s, %v", claim.UID, err)
			}
		})
	}
}
