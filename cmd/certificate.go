package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// metricsService is the Service of the metrics, in whose name their certificate is.
	metricsService = "cnat-operator-controller-manager-metrics"
	// certificateSecret has that certificate, and under ca.crt the one to verify it by.
	certificateSecret = "cnat-operator-metrics-certificate"
	authorityKey      = "ca.crt"

	// certificateAge is how long it is valid. To replace it, delete the Secret and restart the operator.
	certificateAge = 10 * 365 * 24 * time.Hour

	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// ownNamespace is where the operator runs; empty outside of a cluster.
func ownNamespace() (string, error) {
	name, err := os.ReadFile(namespaceFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(name)), err
}

// metricsTLS has the certificate for metrics. Where there is none, as outside of a cluster, controller-runtime creates one
// that nobody can verify, in memory.
func metricsTLS(ctx context.Context, clients kubernetes.Interface) []func(*tls.Config) {
	namespace, err := ownNamespace()
	if err == nil && namespace == "" {
		return nil
	}
	var pair tls.Certificate
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		pair, err = servingCertificate(ctx, clients.CoreV1().Secrets(namespace))
	}
	if err != nil {
		ctrl.Log.Error(err, "Metrics are served with a certificate that nobody can verify")
		return nil
	}
	return []func(*tls.Config){func(config *tls.Config) {
		config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }
	}}
}

// servingCertificate is the certificate that all replicas serve metrics with. The first one creates it.
func servingCertificate(ctx context.Context, secrets typedcorev1.SecretInterface) (tls.Certificate, error) {
	secret, err := secrets.Get(ctx, certificateSecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if secret, err = newCertificate(); err != nil {
			return tls.Certificate{}, err
		}
		created, createErr := secrets.Create(ctx, secret, metav1.CreateOptions{})
		if secret, err = created, createErr; apierrors.IsAlreadyExists(err) { // another replica was faster
			secret, err = secrets.Get(ctx, certificateSecret, metav1.GetOptions{})
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the Secret %s: %w", certificateSecret, err)
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the Secret %s has no certificate to serve metrics with: %w", certificateSecret, err)
	}
	return pair, nil
}

// newCertificate is a Secret with a certificate, and that of the authority which has signed this one certificate and
// whose key nobody has.
func newCertificate() (*corev1.Secret, error) {
	chain, key, err := cert.GenerateSelfSignedCertKeyWithOptions(cert.SelfSignedCertKeyOptions{
		Host: metricsService, MaxAge: certificateAge,
	})
	if err != nil {
		return nil, fmt.Errorf("creating the certificate for metrics: %w", err)
	}
	_, authority := pem.Decode(chain)
	return &corev1.Secret{
		// By the label, config/policy/account.yaml lets the operator create it.
		ObjectMeta: metav1.ObjectMeta{
			Name: certificateSecret, Labels: map[string]string{"app.kubernetes.io/part-of": "cnat-operator"},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key, authorityKey: bytes.TrimSpace(authority),
		},
	}, nil
}
