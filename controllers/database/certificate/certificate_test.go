package certificate

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/keyutil"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestCheckPair(t *testing.T) {
	good, other := testdb.Pair(t), testdb.Pair(t)
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
