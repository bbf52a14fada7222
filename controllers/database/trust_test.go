package database

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
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

// The mark of data is written only into this Database's ConfigMap.
func TestMarkOfDataInAnothersConfigMap(t *testing.T) {
	db := testdb.New()
	for owner, want := range map[types.UID]bool{"uid": true, "new": false} {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: step.ConfigName(db), Labels: step.OwnLabels(db),
			OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}},
		}}
		r := newOffline(t, config)
		if err := r.markHadData(t.Context(), db, true); err != nil {
			t.Fatal(err)
		}
		err := r.APIReader.Get(t.Context(), client.ObjectKeyFromObject(config), config)
		if _, marked := config.Data[hadDataKey]; err != nil || marked != want {
			t.Errorf("of %s: marked is %t, %v", owner, marked, err)
		}
	}
}

// A pod with the server's labels that is not the StatefulSet's, such as a copy for debugging, is not the server.
func TestPodsOfTheServer(t *testing.T) {
	statefulSet := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "shop-database", UID: "set"}}
	pod := func(name string, controller types.UID) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: name, OwnerReferences: []metav1.OwnerReference{{UID: controller, Controller: ptr.To(true)}},
		}}
	}
	bare := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a-bare-copy"}}
	pods := []corev1.Pod{bare, pod("a-copy", "other"), pod("shop-database-0", "set"), pod("shop-database-1", "other")}
	if found := podsOf(statefulSet, pods); len(found) != 1 || found[0].Name != "shop-database-0" {
		t.Errorf("found %+v", found)
	}
	if found := podsOf(nil, pods); len(found) != 0 {
		t.Errorf("without a StatefulSet: %+v", found)
	}
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
