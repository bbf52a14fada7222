package database

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// newOffline is a reconciler whose cache, as the real one, has only objects with the operator's label.
func newOffline(t *testing.T, objects ...client.Object) *Reconciler {
	t.Helper()
	cached, live := testdb.Offline(t, objects...)
	return &Reconciler{Client: cached, APIReader: live, Clock: clocktesting.NewFakePassiveClock(noon)}
}

// While a Database waits for a slot, whatever is changed of its objects is noticed.
func TestFingerprint(t *testing.T) {
	db := testdb.New()
	config := named(&corev1.ConfigMap{}, "ns", step.ConfigName(db))
	statefulSet := statefulSetOf(db)
	statefulSet.Generation = 1
	for _, object := range []client.Object{config, statefulSet} {
		object.SetLabels(step.OwnLabels(db))
		object.SetOwnerReferences(step.OwnedBy(db))
	}
	r := newOffline(t, config, statefulSet)
	mark := func() string {
		t.Helper()
		found, err := r.fingerprint(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	change := func(edit func(*appsv1.StatefulSet)) {
		t.Helper()
		err := r.APIReader.Get(t.Context(), client.ObjectKeyFromObject(statefulSet), statefulSet)
		edit(statefulSet)
		if err == nil {
			err = r.Client.Update(t.Context(), statefulSet)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	last := mark()
	change(func(s *appsv1.StatefulSet) { s.Status.ReadyReplicas++ })
	if mark() != last {
		t.Error("a status is a change")
	}
	for name, edit := range map[string]func(*appsv1.StatefulSet){
		"labels":      func(s *appsv1.StatefulSet) { s.Labels["x"] = "y" },
		"annotations": func(s *appsv1.StatefulSet) { s.Annotations = map[string]string{"meta.helm.sh/release-name": "theirs"} },
		"owners":      func(s *appsv1.StatefulSet) { s.OwnerReferences = nil },
		"spec":        func(s *appsv1.StatefulSet) { s.Generation++ },
	} {
		change(edit)
		if now := mark(); now == last {
			t.Errorf("a change of %s is not noticed", name)
		} else {
			last = now
		}
	}
}
