// Package certificate checks the Secret with the server's certificate.
package certificate

import (
	"context"
	"crypto/tls"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// Decision is what the Secret holds, or what is wrong with it.
type Decision struct {
	// CA is the certificate of the authority that signed the server's, where the Secret has it.
	CA      []byte
	Problem *step.Problem
	Recheck time.Duration
}

// Observe reads the Secret, live: it is not in the cache, which would have to hold all Secrets then. It returns nil
// where there is none.
func Observe(ctx context.Context, live client.Reader, db *v1.Database) (*corev1.Secret, error) {
	if !step.TLSEnabled(db) {
		return nil, nil
	}
	return step.FindSecret(ctx, db, db.Spec.TLS.SecretName, live)
}

// Decide checks the Secret. A server that runs has the certificate already, and takes a renewed one up by itself; but
// without the Secret its pod could not start again.
func Decide(db *v1.Database, secret *corev1.Secret) Decision {
	if !step.TLSEnabled(db) {
		return Decision{}
	}
	if secret == nil {
		missing := step.NewProblem(v1.ReasonSecretMissing, "Secret %q of spec.tls.secretName is not there: create it, "+
			"with the certificate under %s and its private key under %s",
			db.Spec.TLS.SecretName, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
		return Decision{Problem: missing, Recheck: step.SecretRecheck}
	}
	if found := checkPair(secret); found != nil {
		return Decision{Problem: found, Recheck: step.SecretRecheck}
	}
	return Decision{CA: secret.Data[step.CAKey], Recheck: step.SecretPoll}
}

// checkPair says what is wrong with the certificate and private key in a Secret.
func checkPair(secret *corev1.Secret) *step.Problem {
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if len(secret.Data[key]) == 0 {
			return step.NewProblem(v1.ReasonSecretMissing,
				"Secret %q of spec.tls.secretName has nothing under the key %q: put it there, in PEM", secret.Name, key)
		}
	}
	if _, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return step.NewProblem(v1.ReasonSecretInvalid,
			"Secret %q of spec.tls.secretName has no usable certificate and private key: fix them: %v", secret.Name, err)
	}
	return nil
}
