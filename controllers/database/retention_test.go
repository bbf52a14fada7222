package database

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// dataObjects are the volume claim and the Secret of a Database.
func dataObjects(db *v1.Database) (claim *corev1.PersistentVolumeClaim, secret *corev1.Secret) {
	return named(&corev1.PersistentVolumeClaim{}, db.Namespace, step.ClaimName(db)),
		named(&corev1.Secret{}, db.Namespace, step.CredentialsName(db))
}

func remove(t *testing.T, object client.Object) {
	t.Helper()
	if err := api.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	eventually(t, object.GetName()+" to go", func() error { return isDeleted(t, object) })
}

// letGo plays the controller that holds a volume claim as long as a pod uses it.
func letGo(t *testing.T, claim *corev1.PersistentVolumeClaim) {
	t.Helper()
	eventually(t, "volume claim "+claim.Name+" to be deleted", func() error {
		if err := get(t, claim); err != nil || claim.DeletionTimestamp == nil {
			return fmt.Errorf("it is not (%w)", err)
		}
		return nil
	})
	update(t, claim, func() { claim.Finalizers = nil })
}

// By default the data and the password outlive the Database, are marked, and are taken up again.
func TestRetain(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "kept").create(t)
	becomeReady(t, db)
	claim, secret := dataObjects(db)
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	password := string(secret.Data[step.PasswordKey])
	remove(t, db)
	for _, object := range []client.Object{claim, secret} {
		if err := get(t, object); err != nil || object.GetLabels()[step.LabelRetained] != "true" || len(object.GetOwnerReferences()) > 0 {
			t.Errorf("%s: %v %v, %v", object.GetName(), object.GetLabels(), object.GetOwnerReferences(), err)
		}
	}
	waitEvent(t, db, "DataRetained")
	uid := claim.UID

	becomeReady(t, newDatabase(namespace, "kept").create(t))
	for _, object := range []client.Object{claim, secret} {
		if err := get(t, object); err != nil || object.GetLabels()[step.LabelRetained] != "" {
			t.Errorf("%s: %v, %v", object.GetName(), object.GetLabels(), err)
		}
	}
	if claim.UID != uid || string(secret.Data[step.PasswordKey]) != password {
		t.Error("the new Database has another volume claim or password")
	}
}

// A Database that is deleted with its dependents orphaned is uninstalled all the same, and its data stays.
func TestOrphan(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "left").create(t)
	becomeReady(t, db)
	if err := api.Delete(t.Context(), db, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	waitEvent(t, db, "DataRetained")
	claim, _ := dataObjects(db)
	if err := errors.Join(isDeleted(t, statefulSetOf(db)), get(t, claim)); err != nil || claim.Labels[step.LabelRetained] != "true" {
		t.Errorf("%v, %v", claim.Labels, err)
	}
}

// With Delete they go, and nothing that is not the Database's goes with them.
func TestDelete(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	theirs := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "theirs")
	if err := api.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*v1.Database{
		newDatabase(namespace, "gone").create(t),
		newDatabase(namespace, "referring").secretRef("theirs", "password").create(t),
	} {
		becomeReady(t, db)
		update(t, db, func() { db.Spec.DeletionPolicy = v1.DeletionDelete })
		claim, secret := dataObjects(db)
		if err := api.Delete(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		letGo(t, claim)
		eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
		for _, object := range []client.Object{claim, secret} {
			if err := isDeleted(t, object); err != nil {
				t.Error(err)
			}
		}
	}
	if err := get(t, theirs); err != nil {
		t.Errorf("the user's own Secret: %v", err)
	}
}

// The policy that holds is the one at the end: an edit while the Database is being deleted counts.
func TestPolicyChangedWhileDeleting(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to v1.DeletionPolicy }{
		{v1.DeletionRetain, v1.DeletionDelete},
		{v1.DeletionDelete, v1.DeletionRetain},
	} {
		t.Run(string(test.to), func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			counted := &countingReleases{}
			startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
			db := newDatabase(namespace, "policy").spec(func(s *v1.DatabaseSpec) { s.DeletionPolicy = test.from }).create(t)
			becomeReady(t, db)
			counted.failUninstall(errors.New("planted"))
			if err := api.Delete(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonUninstallFailed)
			update(t, db, func() { db.Spec.DeletionPolicy = test.to })
			counted.failUninstall(nil)
			claim, secret := dataObjects(db)
			if test.to == v1.DeletionDelete {
				letGo(t, claim)
			}
			eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
			for _, object := range []client.Object{claim, secret} {
				if there := get(t, object) == nil; there != (test.to == v1.DeletionRetain) {
					t.Errorf("%s is there: %t", object.GetName(), there)
				}
			}
		})
	}
}

// An edit that the cache does not show yet counts too: what is deleted is gone for good.
func TestPolicyChangedUnseen(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	running := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "unseen").spec(func(s *v1.DatabaseSpec) { s.DeletionPolicy = v1.DeletionDelete }).create(t)
	becomeReady(t, db)
	running.stop()
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := get(t, db); err != nil {
		t.Fatal(err)
	}
	before := db.DeepCopy()
	update(t, db, func() { db.Spec.DeletionPolicy = v1.DeletionRetain })
	if _, err := running.reconciler.finalize(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	claim, secret := dataObjects(db)
	for _, object := range []client.Object{claim, secret} {
		if err := get(t, object); err != nil || object.GetDeletionTimestamp() != nil {
			t.Errorf("%s is deleted at %v (%v)", object.GetName(), object.GetDeletionTimestamp(), err)
		}
	}
}

// The Database waits for its volume claim to go, so that one of the same name doesn't find it half deleted.
func TestDeleteWaitsForTheClaim(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "waits").spec(func(s *v1.DatabaseSpec) { s.DeletionPolicy = v1.DeletionDelete }).create(t)
	becomeReady(t, db)
	claim, _ := dataObjects(db)
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	waitEvent(t, db, "DataDeleted")
	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonDeleting)
	if words := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady).Message; !strings.Contains(words, claim.GetName()) {
		t.Error(words)
	}
	letGo(t, claim)
	eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
	if err := isDeleted(t, claim); err != nil {
		t.Error(err)
	}
}
