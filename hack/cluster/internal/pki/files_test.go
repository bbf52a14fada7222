package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

func TestFilesVerifyAgainstTheirAuthority(t *testing.T) {
	now := time.Now()
	files, err := Files(now)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file, authority string
		usage           x509.ExtKeyUsage
		host            string // verified where not empty
		user            string
	}{
		{file: "server", authority: "ca", usage: x509.ExtKeyUsageServerAuth, host: spec.NodeIP, user: "server"},
		{file: "server", authority: "ca", usage: x509.ExtKeyUsageServerAuth, host: "kubernetes.default.svc", user: "server"},
		{file: "admin", authority: "ca", usage: x509.ExtKeyUsageClientAuth, user: "kubernetes-admin"},
		{file: "front-proxy-client", authority: "front-proxy-ca", usage: x509.ExtKeyUsageClientAuth, user: "front-proxy-client"},
	}
	for _, test := range tests {
		t.Run(test.file+" "+test.host, func(t *testing.T) {
			if _, err := tls.X509KeyPair(files[test.file+".crt"], files[test.file+".key"]); err != nil {
				t.Fatalf("key does not fit the certificate: %v", err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(files[test.authority+".crt"])
			block, _ := pem.Decode(files[test.file+".crt"])
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cert.Verify(x509.VerifyOptions{
				Roots: roots, DNSName: test.host, KeyUsages: []x509.ExtKeyUsage{test.usage},
			}); err != nil {
				t.Error(err)
			}
			if cert.Subject.CommonName != test.user {
				t.Errorf("user %q, want %q", cert.Subject.CommonName, test.user)
			}
		})
	}
}

func TestKubeconfigsNameTheAPIServer(t *testing.T) {
	files, err := Files(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"admin", "controller-manager", "scheduler", "kubelet", "kube-proxy"} {
		if !bytes.Contains(files[name+".conf"], []byte("server: "+spec.APIServer+"\n")) {
			t.Errorf("%s.conf does not name %s", name, spec.APIServer)
		}
	}
}
