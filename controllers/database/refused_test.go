package database

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
)

// quotaOf bounds what there may be in a namespace. Its controller is not here.
func quotaOf(t *testing.T, namespace string, hard corev1.ResourceList) *corev1.ResourceQuota {
	t.Helper()
	quota := named(&corev1.ResourceQuota{}, namespace, "none")
	quota.Spec.Hard = hard
	if err := api.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	quota.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{}}
	for name := range hard {
		quota.Status.Used[name] = resource.MustParse("0")
	}
	if err := api.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	return quota
}

// zeroQuota lets nothing of a resource be made in a namespace.
func zeroQuota(t *testing.T, namespace string, what corev1.ResourceName) *corev1.ResourceQuota {
	t.Helper()
	return quotaOf(t, namespace, corev1.ResourceList{what: resource.MustParse("0")})
}

// What the API server has against the operator's own objects is told too, and is tried again.
func TestSecretThatIsRefused(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	quota := zeroQuota(t, namespace, corev1.ResourceSecrets)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "full").create(t)
	for _, kind := range []string{v1.ConditionStalled, v1.ConditionReady} {
		status := metav1.ConditionTrue
		if kind == v1.ConditionReady {
			status = metav1.ConditionFalse
		}
		waitOf(t, db, kind, status, v1.ReasonRefused)
		if words := meta.FindStatusCondition(db.Status.Conditions, kind).Message; !strings.Contains(words, "exceeded quota") {
			t.Errorf("%s: %s", kind, words)
		}
	}
	if err := api.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

// What is optional takes nothing from the server: where the API server refuses it, the server is there all the same
// from the beginning, and comes back when its objects are deleted.
func TestRefusedPartsLeaveTheServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// quota is what the namespace lets nobody create.
		quota corev1.ResourceName
		edit  func(*v1.DatabaseSpec)
	}{
		{"the volume claim of the dumps", "dumps.storageclass.storage.k8s.io/persistentvolumeclaims", func(s *v1.DatabaseSpec) {
			s.Backup = &v1.DatabaseBackup{Storage: v1.BackupStorage{StorageClassName: "dumps"}}
		}},
		{"the CronJob", "count/cronjobs.batch", func(s *v1.DatabaseSpec) { s.Backup = &v1.DatabaseBackup{} }},
		{"the PodDisruptionBudget", "count/poddisruptionbudgets.policy", func(s *v1.DatabaseSpec) { s.Evictions = v1.EvictionsRefused }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			quota := zeroQuota(t, namespace, test.quota)
			startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "small").spec(test.edit).create(t)
			becomeReady(t, db)
			waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
			if err := stalledBy(t, db, v1.ReasonReleaseFailed, "exceeded quota"); err != nil {
				t.Error(err)
			}
			if err := api.Delete(t.Context(), statefulSetOf(db)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the StatefulSet", func() error { return get(t, statefulSetOf(db)) })
			becomeReady(t, db)
			if err := api.Delete(t.Context(), quota); err != nil {
				t.Fatal(err)
			}
			// Another spec is tried at once.
			update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
			waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
		})
	}
}
