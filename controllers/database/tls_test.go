package database

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
)

// A Database that asks for TLS waits for the certificate, and goes on by itself.
func TestMissingCertificateIsMended(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "tls").create(t)
	becomeReady(t, db)
	update(t, db, func() { db.Spec.TLS.SecretName = "pair" })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonSecretMissing)
	if db.Status.Release.Revision != 1 {
		t.Errorf("a release was made of it: %+v", db.Status.Release)
	}
	secret := named(&corev1.Secret{Data: map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("y")}}, namespace, "pair")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonSecretInvalid)
	update(t, secret, func() { secret.Data = testdb.Pair(t) })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
	becomeReady(t, db)
	if db.Status.Release.Revision != 2 {
		t.Errorf("release %+v", db.Status.Release)
	}
}

// A server that runs has its certificate. Without the Secret it goes on, is not restarted, and what is missing is reported.
func TestCertificateThatIsDeleted(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	clock := clocktesting.NewFakePassiveClock(time.Now())
	op := startOperator(t, namespace, operatorOptions{clock: clock})
	secret := named(&corev1.Secret{Data: testdb.Pair(t)}, namespace, "pair")
	secret.Data["ca.crt"] = []byte("PEM")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	db := newDatabase(namespace, "tls").spec(func(s *v1.DatabaseSpec) { s.TLS.SecretName = "pair" }).create(t)
	becomeReady(t, db)
	if binding := bindingOf(db); get(t, binding) != nil || string(binding.Data["ca.crt"]) != "PEM" {
		t.Errorf("the binding has no CA: %s", binding.Data["ca.crt"])
	}
	if err := api.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
	passUntil(t, op, db, "Stalled, and Ready", func() error {
		if err := get(t, db); err != nil {
			return err
		}
		return isServingWith(db, v1.ReasonSecretMissing)
	})
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil || statefulSet.Generation != 1 {
		t.Errorf("the server was restarted, and has no certificate: generation %d, %v", statefulSet.Generation, err)
	}
}
