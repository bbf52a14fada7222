package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// stalledBy is nil where the Database is Stalled for a reason, with these words in the message.
func stalledBy(t *testing.T, db *v1.Database, reason, words string) error {
	t.Helper()
	if err := get(t, db); err != nil {
		return err
	}
	stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
	if stalled == nil || stalled.Reason != reason || !strings.Contains(stalled.Message, words) {
		return fmt.Errorf("stalled is %+v", stalled)
	}
	return nil
}

// A claim that is deleted under a server that runs stalls the Database at once. The server stays as it is, and a claim is
// created only after the user said what to begin with; the server then may find its volume empty.
func TestDeletedClaim(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	claim, _ := dataObjects(db)
	config := named(&corev1.ConfigMap{}, namespace, step.ConfigName(db))
	marked := func(want bool) func() error {
		return func() error {
			if err := get(t, config); err != nil {
				return err
			}
			if _, is := config.Data["had-data"]; is != want {
				return fmt.Errorf("it is %t", is)
			}
			return nil
		}
	}
	eventually(t, "the mark that there was data", marked(true))
	bind(t, claim)
	first := claim.UID
	if err := get(t, db); err != nil || db.Status.Storage.ClaimUID != string(first) {
		t.Fatalf("status.storage is %+v, %v", db.Status.Storage, err)
	}
	// As it is in a cluster, where a pod uses it.
	update(t, claim, func() { claim.Finalizers = []string{"kubernetes.io/pvc-protection"} })
	if err := api.Delete(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a warning while the data is there", func() error { return stalledBy(t, db, v1.ReasonDataBeingDeleted, "back up now") })
	waitEvent(t, db, v1.ReasonDataBeingDeleted)
	if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) || db.Status.Reason != v1.ReasonDataBeingDeleted {
		t.Errorf("a server that serves is not ready, or looks healthy: %+v", db.Status)
	}
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	generation := statefulSet.Generation
	update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
	eventually(t, "the new generation to be seen", func() error {
		if err := get(t, db); err != nil || db.Status.ObservedGeneration != db.Generation {
			return fmt.Errorf("%d: %w", db.Status.ObservedGeneration, err)
		}
		return nil
	})
	if err := errors.Join(get(t, statefulSet), stalledBy(t, db, v1.ReasonDataBeingDeleted, "")); err != nil || statefulSet.Generation != generation {
		t.Fatalf("the server was restarted while its data was being deleted: %v", err)
	}

	update(t, claim, func() { claim.Finalizers = nil })
	statefulSet.Status.ReadyReplicas, statefulSet.Status.AvailableReplicas = 0, 0
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss to be reported", func() error { return stalledBy(t, db, v1.ReasonDataLost, "empty:"+string(first)) })
	waitCondition(t, db, v1.ConditionReady, metav1.ConditionFalse, v1.ReasonDataLost)
	if err := isDeleted(t, claim); err != nil {
		t.Fatalf("an empty volume was created in silence: %v", err)
	}

	update(t, db, func() { db.Annotations = map[string]string{v1.AnnotationLostData: "empty:" + string(first)} })
	eventually(t, "a new claim", func() error { return get(t, claim) })
	eventually(t, "the mark to be removed", marked(false))
	bind(t, claim)
	becomeReady(t, db)
	eventually(t, "the new claim to be the one with the data", func() error {
		if err := get(t, db); err != nil || db.Status.Storage.ClaimUID != string(claim.UID) || claim.UID == first {
			return fmt.Errorf("%+v: %w", db.Status.Storage, err)
		}
		return nil
	})
	eventually(t, "the mark that there is data again", marked(true))
	// The word was for the first loss only.
	if err := api.Delete(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	letGo(t, claim)
	eventually(t, "the second loss to be reported", func() error { return stalledBy(t, db, v1.ReasonDataLost, string(claim.UID)) })
	// One that the user creates is used when the user says so.
	own := named(&corev1.PersistentVolumeClaim{Spec: claim.Spec}, namespace, claim.Name)
	own.Spec.VolumeName = ""
	if err := api.Create(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	lost := claim.UID
	eventually(t, "the claim to be seen as another", func() error { return stalledBy(t, db, v1.ReasonDataReplaced, "use:"+string(lost)) })
	update(t, db, func() { db.Annotations[v1.AnnotationLostData] = "use:" + string(lost) })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}
