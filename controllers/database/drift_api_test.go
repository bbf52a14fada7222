package database

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// ownedBy reports whether an object is there and goes with the Database.
func ownedBy(t *testing.T, object client.Object, db *v1.Database) error {
	t.Helper()
	if err := errors.Join(get(t, db), get(t, object)); err != nil {
		return err
	}
	if !metav1.IsControlledBy(object, db) {
		return fmt.Errorf("the owners of %s are %v", object.GetName(), object.GetOwnerReferences())
	}
	return nil
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "drift").create(t)
	becomeReady(t, db)
	for _, test := range []struct {
		name string
		harm func()
		want func() error
	}{
		{"a Service deleted", func() {
			if err := api.Delete(t.Context(), named(&corev1.Service{}, namespace, "drift-database")); err != nil {
				t.Fatal(err)
			}
		}, func() error { return ownedBy(t, named(&corev1.Service{}, namespace, "drift-database"), db) }},
		{"the StatefulSet scaled", func() {
			statefulSet := statefulSetOf(db)
			update(t, statefulSet, func() { statefulSet.Spec.Replicas = ptr.To[int32](0) })
		}, func() error {
			statefulSet := statefulSetOf(db)
			if err := get(t, statefulSet); err != nil || *statefulSet.Spec.Replicas != 1 {
				return fmt.Errorf("replicas %v, %w", statefulSet.Spec.Replicas, err)
			}
			return nil
		}},
		{"a rule added to the NetworkPolicy", func() {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			update(t, policy, func() {
				policy.Spec.Ingress = append(policy.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
			})
		}, func() error {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			if err := get(t, policy); err != nil || len(policy.Spec.Ingress) != 1 {
				return fmt.Errorf("rules %v, %w", policy.Spec.Ingress, err)
			}
			return nil
		}},
		{"a NetworkPolicy opened to all namespaces", func() {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			update(t, policy, func() { policy.Spec.Ingress[0].From[0].NamespaceSelector = &metav1.LabelSelector{} })
		}, func() error {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			if err := get(t, policy); err != nil || policy.Spec.Ingress[0].From[0].NamespaceSelector != nil {
				return fmt.Errorf("rules %v, %w", policy.Spec.Ingress, err)
			}
			return nil
		}},
		{"a NetworkPolicy of no pod any more", func() {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			update(t, policy, func() { policy.Spec.PodSelector.MatchLabels["none"] = "such" })
		}, func() error {
			policy := named(&networkingv1.NetworkPolicy{}, namespace, "drift-database")
			if err := get(t, policy); err != nil || policy.Spec.PodSelector.MatchLabels["none"] != "" {
				return fmt.Errorf("selector %v, %w", policy.Spec.PodSelector, err)
			}
			return nil
		}},
		{"a Service of no pod any more", func() {
			service := named(&corev1.Service{}, namespace, "drift-database")
			update(t, service, func() { service.Spec.Selector["none"] = "such" })
		}, func() error {
			service := named(&corev1.Service{}, namespace, "drift-database")
			if err := get(t, service); err != nil || service.Spec.Selector["none"] != "" {
				return fmt.Errorf("selector %v, %w", service.Spec.Selector, err)
			}
			return nil
		}},
		{"the label that leads to the Database removed", func() {
			account := named(&corev1.ServiceAccount{}, namespace, "drift-database")
			update(t, account, func() { account.Labels = nil })
		}, func() error {
			account := named(&corev1.ServiceAccount{}, namespace, "drift-database")
			if err := get(t, account); err != nil || account.Labels[step.LabelDatabase] != "drift" {
				return fmt.Errorf("labels %v, %w", account.Labels, err)
			}
			return nil
		}},
		{"the Secret deleted", func() {
			if err := api.Delete(t.Context(), named(&corev1.Secret{}, namespace, "drift-database-credentials")); err != nil {
				t.Fatal(err)
			}
		}, func() error { return get(t, named(&corev1.Secret{}, namespace, "drift-database-credentials")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.harm()
			eventually(t, "the repair", test.want)
		})
	}
	waitEvent(t, db, "Repaired")
	if err := get(t, db); err != nil || db.Status.Release.Revision != 1 {
		t.Errorf("a repair is no new revision: %+v, %v", db.Status.Release, err)
	}
}

// A Database whose status was lost, as in a restore from a backup of the cluster, has its release already. What was
// changed of that is set back all the same.
func TestDriftWithoutStatus(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	first := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "lost").create(t)
	becomeReady(t, db)
	first.stop()
	before := db.DeepCopy()
	db.Status = v1.DatabaseStatus{}
	if err := api.Status().Patch(t.Context(), db, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	service := named(&corev1.Service{}, namespace, "lost-database")
	if err := api.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	eventually(t, "the repair", func() error { return ownedBy(t, service, db) })
	becomeReady(t, db)
	if db.Status.Release.Revision != 1 {
		t.Errorf("release %+v", db.Status.Release)
	}
}
