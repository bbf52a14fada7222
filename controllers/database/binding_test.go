package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

func bindingOf(db *v1.Database) *corev1.Secret {
	return named(&corev1.Secret{}, db.Namespace, step.BindingName(db))
}

// The binding follows the password, and the kubelet is notified to bring it into the pod.
func TestBindingFollowsThePassword(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "bound").password("first").create(t)
	becomeReady(t, db)
	if db.Status.Binding.Name != "bound-database-binding" {
		t.Errorf("status.binding is %+v", db.Status.Binding)
	}
	pod := podOf(db)
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	binding := bindingOf(db)
	if err := get(t, binding); err != nil || string(binding.Data["password"]) != "first" {
		t.Errorf("the binding: %v", err)
	}

	update(t, db, func() { db.Spec.Password = "second" })
	eventually(t, "the binding to have the new password", func() error {
		if err := get(t, binding); err != nil || string(binding.Data["password"]) != "second" ||
			!strings.Contains(string(binding.Data["uri"]), "second") {
			return fmt.Errorf("it has not (%w)", err)
		}
		return nil
	})
	if err := get(t, pod); err != nil || pod.Annotations["example.com/password-changed-at"] == "" {
		t.Errorf("the kubelet was not notified: %v, %v", pod.Annotations, err)
	}

	t.Run("deleted, and made again", func(t *testing.T) {
		isRemade(t, binding)
	})
}

// podOf is the pod that the StatefulSet's controller would make.
func podOf(db *v1.Database) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: step.PodName(db), Labels: step.OwnLabels(db)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Image: "postgres"}}},
	}
}

// A user's Secret is read from time to time. Without it the server goes on, and that is reported.
func TestReferencedSecretThatGoes(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	clock := clocktesting.NewFakePassiveClock(time.Now())
	op := startOperator(t, namespace, operatorOptions{clock: clock})
	secret := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "theirs")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	db := newDatabase(namespace, "goes").secretRef("theirs", "password").create(t)
	becomeReady(t, db)
	update(t, secret, func() { secret.StringData = map[string]string{"password": "changed"} })
	binding := bindingOf(db)
	passUntil(t, op, db, "the binding to follow", func() error {
		if err := get(t, binding); err != nil || string(binding.Data["password"]) != "changed" {
			return fmt.Errorf("it does not (%w)", err)
		}
		return nil
	})
	if err := api.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	passUntil(t, op, db, "Stalled, and Ready", func() error {
		if err := get(t, db); err != nil {
			return err
		}
		return isServingWith(db, v1.ReasonSecretMissing)
	})
}

// passUntil has the operator look at a Database again, as it does when the wait it asked for is over.
func passUntil(t *testing.T, op *operator, db *v1.Database, what string, check func() error) {
	t.Helper()
	eventually(t, what, func() error {
		request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}
		if _, err := op.reconciler.Reconcile(t.Context(), request); err != nil {
			return err
		}
		return check()
	})
}

// isServingWith reports whether user action is required, with the server ready all the same.
func isServingWith(db *v1.Database, reason string) error {
	stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
	if stalled.Reason != reason || !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) {
		return fmt.Errorf("conditions %+v", db.Status.Conditions)
	}
	return nil
}

func TestPasswordRotation(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	clock := clocktesting.NewFakePassiveClock(time.Now())
	op := startOperator(t, namespace, operatorOptions{clock: clock})
	db := newDatabase(namespace, "rotates").spec(func(s *v1.DatabaseSpec) {
		s.PasswordRotation = every(24 * time.Hour)
	}).create(t)
	becomeReady(t, db)
	_, secret := dataObjects(db)
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	first := string(secret.Data[step.PasswordKey])
	rotated := func() error {
		if err := get(t, secret); err != nil || string(secret.Data[step.PasswordKey]) == first {
			return fmt.Errorf("the password is the first (%w)", err)
		}
		return nil
	}
	request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}
	clock.SetTime(clock.Now().Add(23 * time.Hour))
	result, err := op.reconciler.Reconcile(t.Context(), request)
	if err != nil || result.RequeueAfter > time.Hour || result.RequeueAfter < 50*time.Minute {
		t.Errorf("looks again after %s, %v", result.RequeueAfter, err)
	}
	if rotated() == nil {
		t.Error("the password was replaced an hour too soon")
	}
	clock.SetTime(clock.Now().Add(time.Hour))
	passUntil(t, op, db, "the password to be replaced", rotated)
	waitEvent(t, db, "PasswordChanged")
}
