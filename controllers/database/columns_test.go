package database

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/testenv"
)

// What `kubectl get databases` prints distinguishes a Database that is well from one that serves and requires user action, and
// from one that does not serve; and what changes is an event, both ways.
func TestColumns(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	for _, name := range []string{"well", "stalled", "away"} {
		db := newDatabase(namespace, name).create(t)
		becomeReady(t, db)
		playVersion(t, db, "18.1")
		claim := named(&corev1.PersistentVolumeClaim{}, namespace, step.ClaimName(db))
		bind(t, claim)
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("3Gi")}
		if err := api.Status().Update(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	stalled, away := newDatabase(namespace, "stalled").build(), newDatabase(namespace, "away").build()
	update(t, stalled, func() { stalled.Spec.TLS.SecretName = "missing" })
	statefulSet := statefulSetOf(away)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	serves := statefulSet.Status
	statefulSet.Status = appsv1.StatefulSetStatus{ObservedGeneration: statefulSet.Generation, Replicas: 1}
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}

	want := map[string]map[string]string{
		"well":    {"Ready": "True", "Status": v1.ReasonReady},
		"stalled": {"Ready": "True", "Status": v1.ReasonSecretMissing},
		"away":    {"Ready": "False", "Status": v1.ReasonStarting},
	}
	eventually(t, "all columns", func() error {
		got := testenv.Table(t, apiConfig, v1.GroupVersion, namespace, "databases")
		for name, cells := range want {
			cells["Version"], cells["Size"], cells["User"], cells["Release"] = "18.1", "3Gi", "wp", "1"
			cells["Endpoint"] = name + "-database." + namespace + ".svc:5432"
			for column, value := range cells {
				if got[name][column] != value {
					return fmt.Errorf("%s of %s is %q, want %q", column, name, got[name][column], value)
				}
			}
			if got[name]["Message"] == "" || got[name]["Age"] == "" {
				return fmt.Errorf("%s: %v", name, got[name])
			}
		}
		return nil
	})
	waitEvent(t, away, "NotReady")
	statefulSet.Status = serves
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, away, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	waitEvent(t, away, "Ready")
}

// playVersion plays the kubelet that starts the server's pod.
func playVersion(t *testing.T, db *v1.Database, version string) {
	t.Helper()
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	pod := podOf(db)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(statefulSet, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{
		Name: "version", State: testdb.Terminated(0, "postgres (PostgreSQL) "+version+"\n"),
	}}
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the version", func() error {
		if err := get(t, db); err != nil || db.Status.ServerVersion != version {
			return fmt.Errorf("it is %q (%w)", db.Status.ServerVersion, err)
		}
		return nil
	})
}
