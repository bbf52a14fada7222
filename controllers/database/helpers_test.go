package database

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// databaseBuilder makes Databases for the tests.
type databaseBuilder struct{ db *v1.Database }

func newDatabase(namespace, name string) *databaseBuilder {
	return &databaseBuilder{&v1.Database{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1.DatabaseSpec{User: "wp"},
	}}
}

func (b *databaseBuilder) spec(edit func(*v1.DatabaseSpec)) *databaseBuilder {
	edit(&b.db.Spec)
	return b
}

func (b *databaseBuilder) password(password string) *databaseBuilder {
	b.db.Spec.Password = password
	return b
}

func (b *databaseBuilder) secretRef(name, key string) *databaseBuilder {
	b.db.Spec.PasswordSecretRef = v1.SecretKeyReference{Name: name, Key: key}
	return b
}

func (b *databaseBuilder) build() *v1.Database { return b.db }

func (b *databaseBuilder) create(t *testing.T) *v1.Database {
	t.Helper()
	if err := api.Create(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	return b.db
}

func get(t *testing.T, object client.Object) error {
	t.Helper()
	return api.Get(context.WithoutCancel(t.Context()), client.ObjectKeyFromObject(object), object)
}

// update edits an object as a user would.
func update(t *testing.T, object client.Object, edit func()) {
	t.Helper()
	eventually(t, "the update to be taken", func() error {
		if err := get(t, object); err != nil {
			return err
		}
		edit()
		return api.Update(t.Context(), object)
	})
}

// waitCondition waits until a condition has a status and a reason on the current generation, which was acted on.
func waitCondition(t *testing.T, db *v1.Database, kind string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	waitOf(t, db, kind, status, reason)
	eventually(t, "the generation to be observed", func() error {
		if err := get(t, db); err != nil || db.Status.ObservedGeneration != db.Generation {
			return fmt.Errorf("generation %d of %d (%w)", db.Status.ObservedGeneration, db.Generation, err)
		}
		return nil
	})
}

// waitOf waits until a condition has a status and a reason on the current generation.
func waitOf(t *testing.T, db *v1.Database, kind string, status metav1.ConditionStatus, reason string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s=%s (%s)", kind, status, reason), func() error {
		if err := get(t, db); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(db.Status.Conditions, kind)
		if condition == nil || condition.Status != status || condition.Reason != reason || condition.ObservedGeneration != db.Generation {
			return fmt.Errorf("generation %d, conditions %+v", db.Generation, db.Status.Conditions)
		}
		return nil
	})
}

func statefulSetOf(db *v1.Database) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: step.ReleaseName(db)}}
}

// becomeReady plays the StatefulSet's controller and the kubelet, until the Database is ready on its generation.
func becomeReady(t *testing.T, db *v1.Database) {
	t.Helper()
	statefulSet := statefulSetOf(db)
	eventually(t, "Ready", func() error {
		if err := get(t, statefulSet); err != nil {
			return err
		}
		if statefulSet.Status.ObservedGeneration != statefulSet.Generation {
			statefulSet.Status = appsv1.StatefulSetStatus{
				ObservedGeneration: statefulSet.Generation,
				Replicas:           1, ReadyReplicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1, CurrentReplicas: 1,
				CurrentRevision: "a", UpdateRevision: "a",
			}
			if err := api.Status().Update(t.Context(), statefulSet); err != nil {
				return err
			}
		}
		if err := get(t, db); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != db.Generation {
			return fmt.Errorf("generation %d, conditions %+v", db.Generation, db.Status.Conditions)
		}
		// Ready says that the server serves, before and after a change.
		if db.Status.Release.Generation != db.Generation && db.Status.Release.LastFailureMessage == "" {
			return fmt.Errorf("generation %d, release %+v", db.Generation, db.Status.Release)
		}
		return nil
	})
}

// isRemade deletes a Secret, and waits for another in its place.
func isRemade(t *testing.T, secret *corev1.Secret) {
	t.Helper()
	if err := api.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Secret "+secret.Name+" to be made again", func() error {
		again := named(&corev1.Secret{}, secret.Namespace, secret.Name)
		if err := get(t, again); err != nil || again.UID == secret.UID {
			return fmt.Errorf("there is none (%w)", err)
		}
		return nil
	})
}

// waitEvent waits for an event on an object with this reason, and returns its note.
func waitEvent(t *testing.T, db *v1.Database, reason string) string {
	t.Helper()
	var note string
	eventually(t, "event "+reason, func() error {
		events := &eventsv1.EventList{}
		if err := api.List(t.Context(), events, client.InNamespace(db.Namespace)); err != nil {
			return err
		}
		var reasons []string
		for _, event := range events.Items {
			if event.Regarding.Name == db.Name && event.Reason == reason {
				note = event.Note
				return nil
			}
			reasons = append(reasons, event.Reason)
		}
		return fmt.Errorf("there are %s", strings.Join(reasons, ", "))
	})
	return note
}
