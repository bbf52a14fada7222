package database

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	clocktesting "k8s.io/utils/clock/testing"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// pair is a certificate with its private key, as cert-manager puts them into a Secret.
func pair(t *testing.T) map[string][]byte {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("wordpress-database", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}
}

func TestCheckPair(t *testing.T) {
	good, other := pair(t), pair(t)
	ec, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		crt, key []byte
		// reason is the problem's; empty: none.
		reason string
		// words are in its message, beside the Secret's name.
		words string
	}{
		{"a pair", good[corev1.TLSCertKey], good[corev1.TLSPrivateKeyKey], "", ""},
		{"no certificate", nil, good[corev1.TLSPrivateKeyKey], v1.ReasonSecretMissing, `"tls.crt"`},
		{"no key", good[corev1.TLSCertKey], nil, v1.ReasonSecretMissing, `"tls.key"`},
		{"another's key", good[corev1.TLSCertKey], other[corev1.TLSPrivateKeyKey], v1.ReasonSecretInvalid, "does not match"},
		{"another kind of key", good[corev1.TLSCertKey], ec, v1.ReasonSecretInvalid, "does not match"},
		{"a certificate that is none", []byte("hello"), good[corev1.TLSPrivateKeyKey], v1.ReasonSecretInvalid, "certificate"},
		{"a key that is none", good[corev1.TLSCertKey], []byte("Tr0ub4dor"), v1.ReasonSecretInvalid, "key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "mine"},
				Data:       map[string][]byte{corev1.TLSCertKey: test.crt, corev1.TLSPrivateKeyKey: test.key},
			}
			got := checkPair(secret)
			if got == nil {
				got = &step.Problem{}
			} else if !strings.Contains(got.Message, `"mine"`) || strings.Contains(got.Message, "Tr0ub4dor") {
				t.Errorf("the message is %q", got.Message)
			}
			if got.Reason != test.reason || !strings.Contains(got.Message, test.words) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

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
	update(t, secret, func() { secret.Data = pair(t) })
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
	secret := named(&corev1.Secret{Data: pair(t)}, namespace, "pair")
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
