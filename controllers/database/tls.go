package database

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// certificate is what the Secret with the server's certificate holds, or what is wrong with it.
type certificate struct {
	// ca is the certificate of the authority that signed it, where the Secret has it.
	ca      []byte
	problem *step.Problem
	recheck time.Duration
}

// checkCertificate reads the Secret with the certificate, live: it is not in the cache, which would have to hold all
// Secrets then. A server that runs has the certificate already, and takes a renewed one up by itself; but without the
// Secret its pod could not start again.
func (r *Reconciler) checkCertificate(ctx context.Context, db *v1.Database) (certificate, error) {
	if !step.TLSEnabled(db) {
		return certificate{}, nil
	}
	name := db.Spec.TLS.SecretName
	secret := &corev1.Secret{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		missing := step.NewProblem(v1.ReasonSecretMissing, "Secret %q of spec.tls.secretName is not there: create it, "+
			"with the certificate under %s and its private key under %s", name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
		return certificate{problem: missing, recheck: step.SecretRecheck}, nil
	}
	if err != nil {
		return certificate{}, fmt.Errorf("get Secret %s: %w", name, err)
	}
	if found := checkPair(secret); found != nil {
		return certificate{problem: found, recheck: step.SecretRecheck}, nil
	}
	return certificate{ca: secret.Data[step.CAKey], recheck: step.SecretPoll}, nil
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
