package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

func (b *databaseBuilder) monitored() *databaseBuilder {
	b.db.Spec.Monitoring = &v1.DatabaseMonitoring{}
	return b
}

func exporterSecretOf(db *v1.Database) *corev1.Secret {
	return named(&corev1.Secret{}, db.Namespace, step.ExporterName(db))
}

func monitorOf(db *v1.Database) *unstructured.Unstructured {
	monitor := &unstructured.Unstructured{}
	monitor.SetGroupVersionKind(schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"})
	return named(monitor, db.Namespace, step.ReleaseName(db))
}

// scraped waits for a ServiceMonitor with that interval.
func scraped(t *testing.T, db *v1.Database, interval string) error {
	t.Helper()
	monitor := monitorOf(db)
	if err := get(t, monitor); err != nil {
		return err
	}
	endpoints, _, err := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	if got := fmt.Sprint(endpoints); err != nil || got != "[map[interval:"+interval+" port:metrics]]" {
		return fmt.Errorf("endpoints are %s (%w)", got, err)
	}
	if !metav1.IsControlledBy(monitor, db) {
		return fmt.Errorf("owners are %v", monitor.GetOwnerReferences())
	}
	return nil
}

// containersOf are the names of the containers of the server's pod.
func containersOf(statefulSet *appsv1.StatefulSet) string {
	var names []string
	for _, container := range statefulSet.Spec.Template.Spec.Containers {
		names = append(names, container.Name+" "+container.Image)
	}
	return strings.Join(names, ", ")
}

// The exporter comes and goes with the field. The ServiceMonitor comes as soon as there is such an API, and needs no
// request once it is as it should be.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	now := clocktesting.NewFakePassiveClock(time.Now())
	requests := &requestCounter{}
	op := startOperator(t, namespace, operatorOptions{clock: now, transport: requests.wrap})
	db := newDatabase(namespace, "watched").monitored().create(t)
	becomeReady(t, db)
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil || containersOf(statefulSet) != "postgres example.com/postgres:18, exporter example.com/exporter" {
		t.Errorf("containers: %s, %v", containersOf(statefulSet), err)
	}
	secret := exporterSecretOf(db)
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(secret, db) || secret.Immutable == nil || !*secret.Immutable ||
		string(secret.Data["username"]) != "database_exporter" || len(secret.Data["password"]) < 20 {
		t.Errorf("the Secret's metadata are %+v", secret.ObjectMeta)
	}

	quiet := func(what string) {
		t.Helper()
		passUntil(t, op, db, "a pass without a request, "+what, func() error {
			before := requests.Load()
			if _, err := op.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}); err != nil {
				return err
			}
			if asked := requests.Load() - before; asked != 0 {
				return fmt.Errorf("%d requests", asked)
			}
			return nil
		})
	}
	quiet("without the API")
	crd := envtest.CRDInstallOptions{Paths: []string{"../../test/monitoring/servicemonitor-crd.yaml"}, ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(apiConfig, crd); err != nil {
		t.Fatal(err)
	}
	now.SetTime(now.Now().Add(time.Minute))
	passUntil(t, op, db, "the ServiceMonitor", func() error { return scraped(t, db, "30s") })
	quiet("with the API")

	update(t, db, func() { db.Spec.Monitoring.IntervalSeconds = 5 })
	eventually(t, "the new interval", func() error { return scraped(t, db, "5s") })
	becomeReady(t, db)

	t.Run("a Secret that was deleted is made again", func(t *testing.T) {
		isRemade(t, secret)
	})
	t.Run("without monitoring there is neither", func(t *testing.T) {
		update(t, db, func() { db.Spec.Monitoring = nil })
		eventually(t, "the ServiceMonitor to be deleted", func() error { return isDeleted(t, monitorOf(db)) })
		eventually(t, "the exporter to go", func() error {
			if err := get(t, statefulSet); err != nil || containersOf(statefulSet) != "postgres example.com/postgres:18" {
				return fmt.Errorf("containers: %s (%w)", containersOf(statefulSet), err)
			}
			return nil
		})
	})
	t.Run("what is another's stays", func(t *testing.T) { testForeignMonitoring(t, namespace) })
}

func testForeignMonitoring(t *testing.T, namespace string) {
	db := newDatabase(namespace, "theirs").monitored().build()
	monitor, secret := monitorOf(db), exporterSecretOf(db)
	monitor.Object["spec"] = map[string]any{"selector": map[string]any{}, "endpoints": []any{}}
	for _, object := range []client.Object{monitor, secret} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	if err := api.Create(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonNameConflict)
	becomeReady(t, db) // without the exporter, which has no password
	if exports(t, db) {
		t.Error("there is an exporter, with somebody else's Secret")
	}
	if err := api.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	// The operator is not notified of an object that is not its own: it checks again by itself.
	eventually(t, "the exporter", func() error {
		if !exports(t, db) {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	becomeReady(t, db)
	eventually(t, "the conflict to be reported", func() error {
		if err := get(t, db); err != nil {
			return err
		}
		return isServingWith(db, v1.ReasonNameConflict)
	})
	update(t, db, func() { db.Spec.Monitoring = nil })
	becomeReady(t, db)
	if err := get(t, monitor); err != nil {
		t.Errorf("the other's ServiceMonitor: %v", err)
	}
}
