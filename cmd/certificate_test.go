package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// Two replicas serve one certificate, which verifies by what the Secret has for Prometheus.
func TestReplicasServeOneCertificateThatVerifies(t *testing.T) {
	secrets := fake.NewClientset().CoreV1().Secrets("operators")
	first, err := servingCertificate(t.Context(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	second, err := servingCertificate(t.Context(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Leaf.Equal(second.Leaf) {
		t.Error("the second replica serves another certificate")
	}
	secret, err := secrets.Get(t.Context(), certificateSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if secret.Labels["app.kubernetes.io/part-of"] != "cnat-operator" {
		t.Errorf("its labels are %v: the policy of the operator's account refuses it", secret.Labels)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(secret.Data[authorityKey]) {
		t.Fatalf("%s is no certificate: %s", authorityKey, secret.Data[authorityKey])
	}
	options := x509.VerifyOptions{Roots: roots, DNSName: metricsService, CurrentTime: time.Now().Add(9 * 365 * 24 * time.Hour)}
	if _, err := first.Leaf.Verify(options); err != nil {
		t.Errorf("Prometheus can't verify it: %v", err)
	}
	options.DNSName = "stranger"
	if _, err := first.Leaf.Verify(options); err == nil {
		t.Error("it verifies for any name")
	}
}

func TestASecretWithoutCertificateIsAnError(t *testing.T) {
	broken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "operators", Name: certificateSecret}}
	if _, err := servingCertificate(t.Context(), fake.NewClientset(broken).CoreV1().Secrets("operators")); err == nil {
		t.Error("no error")
	}
}

// config/prometheus names what the operator creates.
func TestPrometheusVerifiesTheCertificate(t *testing.T) {
	monitor, err := os.ReadFile(filepath.Join("..", "config", "prometheus", "monitor.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"serverName: " + metricsService + "\n", "name: " + certificateSecret + "\n", "key: " + authorityKey + "\n"} {
		if !strings.Contains(string(monitor), want) {
			t.Errorf("the ServiceMonitor lacks %q", want)
		}
	}
	if strings.Contains(string(monitor), "insecureSkipVerify") {
		t.Error("Prometheus sends its token to whoever answers")
	}
}
