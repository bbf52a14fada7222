package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

// limited gives the server 256Mi; the exporter has 128Mi beside it.
func limited(s *v1.DatabaseSpec) {
	s.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}}
}

func memoryQuota(limit string) func(*testing.T, string) client.Object {
	return func(t *testing.T, namespace string) client.Object {
		t.Helper()
		return quotaOf(t, namespace, corev1.ResourceList{corev1.ResourceLimitsMemory: resource.MustParse(limit)})
	}
}

func podQuota(t *testing.T, namespace string) client.Object {
	t.Helper()
	return quotaOf(t, namespace, corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")})
}

// limitRange bounds the memory of all containers of a pod together.
func limitRange(t *testing.T, namespace string) client.Object {
	t.Helper()
	limits := named(&corev1.LimitRange{}, namespace, "small")
	limits.Spec.Limits = []corev1.LimitRangeItem{{
		Type: corev1.LimitTypePod, Max: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("300Mi")},
	}}
	if err := api.Create(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	return limits
}

// runPod creates the pod of the StatefulSet, so that a quota counts it.
func runPod(t *testing.T, db *v1.Database) {
	t.Helper()
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	template := statefulSet.Spec.Template
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: db.Namespace, Name: step.PodName(db), Labels: template.Labels, Annotations: template.Annotations,
		},
		Spec: template.Spec,
	}
	pod.Spec.ServiceAccountName = "" // There is no controller that creates it.
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// exports reports whether the StatefulSet has an exporter.
func exports(t *testing.T, db *v1.Database) bool {
	t.Helper()
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	return pods.ExporterIn(statefulSet.Spec.Template.Spec) != nil
}

// isWithoutExporter reports whether a Database serves without the exporter, and says why.
func isWithoutExporter(t *testing.T, db *v1.Database, words string) error {
	t.Helper()
	if err := get(t, db); err != nil {
		return err
	}
	stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
	if err := isServingWith(db, v1.ReasonMonitoringFailed); err != nil || !strings.Contains(stalled.Message, words) || exports(t, db) {
		return fmt.Errorf("%+v (%w)", db.Status.Conditions, err)
	}
	return nil
}

// The exporter comes to a server that runs only where the API server would create the pod with it: otherwise there
// would be neither.
func TestExporterBesideARunningServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		bound func(*testing.T, string) client.Object
		// words of the API server; empty: the exporter is taken.
		words string
	}{
		{
			"a quota without room for it", memoryQuota("300Mi"),
			"exceeded quota: none, requested: limits.memory=128Mi, used: limits.memory=256Mi",
		},
		{"a quota with room for it, not for a second pod", memoryQuota("400Mi"), ""},
		{"a quota of one pod", podQuota, ""},
		{"a LimitRange", limitRange, "maximum memory usage per Pod is 300Mi"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			startOperator(t, namespace, operatorOptions{})
			bound := test.bound(t, namespace)
			db := newDatabase(namespace, "watched").spec(limited).create(t)
			becomeReady(t, db)
			runPod(t, db)
			update(t, db, func() { db.Spec.Monitoring = &v1.DatabaseMonitoring{} })
			if test.words != "" {
				eventually(t, "MonitoringFailed", func() error { return isWithoutExporter(t, db, test.words) })
				if statefulSet := statefulSetOf(db); get(t, statefulSet) != nil || statefulSet.Generation != 1 {
					t.Error("the server was restarted")
				}
				// All else goes on.
				update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
				becomeReady(t, db)
				if err := api.Delete(t.Context(), bound); err != nil {
					t.Fatal(err)
				}
				update(t, db, func() { db.Spec.Monitoring.IntervalSeconds = 5 })
			}
			eventually(t, "the exporter", func() error {
				if !exports(t, db) {
					return fmt.Errorf("there is none: %w", get(t, db))
				}
				return nil
			})
			becomeReady(t, db)
			waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
		})
	}
}

// A Database whose pod would be refused for the exporter begins without it.
func TestExporterThatIsRefusedAtFirst(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	memoryQuota("300Mi")(t, namespace)
	db := newDatabase(namespace, "watched").spec(limited).monitored().create(t)
	eventually(t, "the StatefulSet", func() error { return get(t, statefulSetOf(db)) })
	runPod(t, db)
	becomeReady(t, db)
	eventually(t, "MonitoringFailed", func() error { return isWithoutExporter(t, db, "exceeded quota") })
}

// A server whose pod is refused for the exporter comes back without it; one that is refused by itself keeps it.
func TestPodThatIsRefusedForTheExporter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		refuse  func(*testing.T, string) client.Object
		exports bool
	}{
		{"for the exporter", limitRange, false},
		{"whatever is in it", func(t *testing.T, namespace string) client.Object {
			return zeroQuota(t, namespace, corev1.ResourcePods)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			clock := clocktesting.NewFakePassiveClock(time.Now())
			op := startOperator(t, namespace, operatorOptions{clock: clock})
			db := newDatabase(namespace, "watched").spec(limited).monitored().create(t)
			becomeReady(t, db)
			test.refuse(t, namespace)
			statefulSet := statefulSetOf(db)
			if err := get(t, statefulSet); err != nil {
				t.Fatal(err)
			}
			refused := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "watched-"},
				InvolvedObject: corev1.ObjectReference{
					APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: namespace, Name: statefulSet.Name, UID: statefulSet.UID,
				},
				Type: corev1.EventTypeWarning, Reason: "FailedCreate", Message: "create Pod failed: forbidden",
			}
			if err := api.Create(t.Context(), refused); err != nil {
				t.Fatal(err)
			}
			statefulSet.Status = appsv1.StatefulSetStatus{ObservedGeneration: statefulSet.Generation}
			if err := api.Status().Update(t.Context(), statefulSet); err != nil {
				t.Fatal(err)
			}
			clock.SetTime(clock.Now().Add(pods.CreateGrace))
			passUntil(t, op, db, "PodMissing", func() error { return stalledBy(t, db, v1.ReasonPodMissing, "forbidden") })
			if !exports(t, db) {
				t.Error("the exporter was left out at once")
			}
			clock.SetTime(clock.Now().Add(step.TransientGrace))
			if test.exports {
				passUntil(t, op, db, "PodMissing", func() error { return stalledBy(t, db, v1.ReasonPodMissing, "forbidden") })
			} else {
				passUntil(t, op, db, "MonitoringFailed", func() error {
					return stalledBy(t, db, v1.ReasonMonitoringFailed, "maximum memory usage per Pod")
				})
			}
			if exports(t, db) != test.exports {
				t.Errorf("it has the exporter: %t", !test.exports)
			}
		})
	}
}
