package database

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// certificate says what is wrong with the Secret that holds the server's certificate.
type certificate struct {
	problem *problem
	recheck time.Duration
}

// tlsEnabled tells whether the server serves TLS.
func tlsEnabled(db *v1.Database) bool { return db.Spec.TLS.SecretName != "" }

// checkCertificate looks at the Secret with the certificate, live, before a pod is made that needs it. A server that
// runs has it already, takes a renewed one up by itself, and costs no request.
func (r *Reconciler) checkCertificate(ctx context.Context, db *v1.Database) (certificate, error) {
	ready := meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady)
	if !tlsEnabled(db) || ready && db.Status.ObservedGeneration == db.Generation {
		return certificate{}, nil
	}
	name := db.Spec.TLS.SecretName
	secret := &corev1.Secret{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		missing := newProblem(v1.ReasonSecretMissing, "Secret %q of spec.tls.secretName is not there: make it, "+
			"with the certificate under %s and its private key under %s", name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
		return certificate{missing, secretRecheck}, nil
	}
	if err != nil {
		return certificate{}, fmt.Errorf("get Secret %s: %w", name, err)
	}
	if found := checkPair(secret); found != nil {
		return certificate{found, secretRecheck}, nil
	}
	return certificate{}, nil
}

// checkPair says what is wrong with the certificate and private key in a Secret.
func checkPair(secret *corev1.Secret) *problem {
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if len(secret.Data[key]) == 0 {
			return newProblem(v1.ReasonSecretMissing,
				"Secret %q of spec.tls.secretName has nothing under the key %q: put it there, in PEM", secret.Name, key)
		}
	}
	if _, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return newProblem(v1.ReasonSecretInvalid,
			"Secret %q of spec.tls.secretName has no usable certificate and private key: mend them: %v", secret.Name, err)
	}
	return nil
}
