package release

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// While a Database waits for a slot, whatever is changed of its objects is noticed.
func TestFingerprint(t *testing.T) {
	db := testdb.New()
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: step.ConfigName(db)}}
	statefulSet := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: step.ReleaseName(db), Generation: 1}}
	for _, object := range []client.Object{config, statefulSet} {
		object.SetLabels(step.OwnLabels(db))
		object.SetOwnerReferences(step.OwnedBy(db))
	}
	cached, live := testdb.Offline(t, config, statefulSet)
	s := &Step{Client: cached}
	mark := func() string {
		t.Helper()
		found, err := s.fingerprint(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	change := func(edit func(*appsv1.StatefulSet)) {
		t.Helper()
		err := live.Get(t.Context(), client.ObjectKeyFromObject(statefulSet), statefulSet)
		edit(statefulSet)
		if err == nil {
			err = live.Update(t.Context(), statefulSet)
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
