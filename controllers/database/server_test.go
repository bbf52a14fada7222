package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
)

// A StatefulSet that can't create its pod says so in events alone. They are quoted within seconds.
func TestPodThatIsNeverCreated(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "alone").create(t)
	statefulSet := statefulSetOf(db)
	eventually(t, "the StatefulSet", func() error { return get(t, statefulSet) })
	refused := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "alone-"},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: namespace, Name: statefulSet.Name, UID: statefulSet.UID,
		},
		Type: corev1.EventTypeWarning, Reason: "FailedCreate", Message: "pods is forbidden: exceeded quota: small",
	}
	if err := api.Create(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	// Its controller's part.
	statefulSet.Status.ObservedGeneration = statefulSet.Generation
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the words of the API server", func() error { return stalledBy(t, db, v1.ReasonPodMissing, "exceeded quota: small") })
	statefulSet.Status = appsv1.StatefulSetStatus{}
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

// A crash that the server recovered from by itself reaches the Database through the kubelet's event, and stays known when
// that has expired.
func TestCrashOfAReadyServer(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	pod := podOf(db)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(statefulSet, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	unhealthy := func(name, message string, at time.Time) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: pod.Name, UID: pod.UID},
			Type:           corev1.EventTypeWarning, Reason: "Unhealthy", Message: message, LastTimestamp: metav1.NewTime(at),
		}
	}
	now := time.Now()
	for _, event := range []*corev1.Event{
		unhealthy("other", "Readiness probe failed: NotAccepting: starting", now),
		unhealthy("first", "Readiness probe failed: Crashed: a process of the server was killed (2 times since its container started): its log says which", now),
	} {
		if err := api.Create(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the crash to be counted", func() error {
		if err := get(t, db); err != nil || db.Status.Restarts.Crashes != 2 || db.Status.Restarts.LastReason != "Crashed" {
			return fmt.Errorf("%+v: %w", db.Status.Restarts, err)
		}
		return nil
	})
	if note := waitEvent(t, db, "ServerCrashed"); !strings.Contains(note, "a process of the server was killed (2 times") {
		t.Error(note)
	}
	if err := isServingWith(db, v1.ReasonNotStalled); err != nil {
		t.Error(err)
	}
}
