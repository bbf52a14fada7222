package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

func TestDataProblem(t *testing.T) {
	claim := func(uid types.UID, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		found := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{UID: uid}}
		found.Status.Phase = phase
		return found
	}
	deleted := claim("first", corev1.ClaimBound)
	deleted.DeletionTimestamp = ago(0)
	for _, test := range []struct {
		name  string
		known string // the UID of the claim that the server was last ready with
		ready bool   // the server was ready before, as far as the status of 0.2.0 says
		word  string // of the annotation
		claim *corev1.PersistentVolumeClaim
		// reason is the problem's; empty: none. words are in its message.
		reason, words string
	}{
		{"new", "", false, "", nil, "", ""},
		{"new, with a claim that is being deleted", "", false, "", deleted, "", ""},
		{"as it was", "first", true, "", claim("first", corev1.ClaimBound), "", ""},
		{"upgraded from 0.2.0", "", true, "", claim("any", corev1.ClaimBound), "", ""},
		{"upgraded from 0.2.0, without a claim", "", true, "", nil, v1.ReasonDataLost, "lost-data=empty:db-uid"},
		{"upgraded from 0.2.0, and agreed", "", true, "empty:db-uid", nil, "", ""},
		{"being deleted", "first", true, "", deleted, v1.ReasonDataBeingDeleted, "back up now"},
		{"being deleted, as agreed", "first", true, "empty:first", deleted, "", ""},
		{"being deleted, and to be used", "first", true, "use:first", deleted, v1.ReasonDataBeingDeleted, "back up now"},
		{"deleted", "first", true, "", nil, v1.ReasonDataLost, "kubectl --namespace=ns annotate --overwrite database shop example.com/lost-data=latest:first"},
		{"deleted, and agreed to an empty one", "first", true, "empty:first", nil, "", ""},
		{"deleted, and agreed to a dump", "first", true, "shop-20260131T033000Z.dump:first", nil, "", ""},
		{"deleted, and to be used", "first", true, "use:first", nil, v1.ReasonDataLost, ""},
		{"deleted, and agreed to an earlier loss", "first", true, "empty:zeroth", nil, v1.ReasonDataLost, ""},
		{"deleted, and agreed to nothing", "first", true, "empty", nil, v1.ReasonDataLost, ""},
		{"replaced", "first", true, "", claim("second", corev1.ClaimBound), v1.ReasonDataReplaced, "example.com/lost-data=use:first"},
		{"replaced, and agreed", "first", true, "use:first", claim("second", corev1.ClaimBound), "", ""},
		{"created anew as agreed", "first", true, "empty:first", claim("second", corev1.ClaimPending), "", ""},
		{"without its volume", "first", true, "", claim("first", corev1.ClaimLost), v1.ReasonDataLost, "bring the PersistentVolume back"},
		{"without its volume, and agreed", "first", true, "empty:first", claim("first", corev1.ClaimLost), v1.ReasonDataLost, "delete the claim"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "shop").build()
			db.UID, db.Status.Storage.ClaimUID = "db-uid", test.known
			if test.ready {
				db.Status.Encoding = "UTF8"
			}
			if test.word != "" {
				db.Annotations = map[string]string{v1.AnnotationLostData: test.word}
			}
			found := dataProblem(db, test.claim)
			if found == nil {
				found = &step.Problem{}
			}
			if found.Reason != test.reason || !strings.Contains(found.Message, test.words) || strings.HasSuffix(found.Message, "...") {
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestLostDataDump(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"", ""}, {"empty:u", ""}, {"use:u", ""}, {"latest:u", "latest"}, {"a.dump:u", "a.dump"}, {"a.dump:v", ""}, {"a.dump", ""},
	} {
		db := newDatabase("ns", "shop").build()
		db.Status.Storage.ClaimUID = "u"
		db.Annotations = map[string]string{v1.AnnotationLostData: test.word}
		from := restoreSource(db)
		if from.Dump != test.want || (from.Database != "") != (test.want != "") {
			t.Errorf("%s: %+v, want %q", test.word, from, test.want)
		}
	}
}

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
			if _, is := config.Data[hadDataKey]; is != want {
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
