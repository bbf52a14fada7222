package chart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// setCertificate puts a new certificate with this serial number where the kubelet puts the Secret's.
func (s *server) setCertificate(t *testing.T, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.writeTLS(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	s.writeTLS(t, "tls.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
}

func (s *server) writeTLS(t *testing.T, name string, content []byte) {
	t.Helper()
	dir := filepath.Join(s.dir, "tls")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as the kubelet makes it
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
}

// serial is the serial number of the certificate that the server shows to a new connection.
func (s *server) serial(t *testing.T) int64 {
	t.Helper()
	connection, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	// PostgreSQL's request for TLS, which it answers with S.
	if _, err := connection.Write([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(connection, answer); err != nil || answer[0] != 'S' {
		t.Fatalf("the server answers %q to the request for TLS, %v", answer, err)
	}
	client := tls.Client(connection, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is what is asked for
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestTLS(t *testing.T) {
	const encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.setCertificate(t, 1)
	s.tls = "Required"
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", encrypted, "t")
	s.environment = []string{"PGSSLMODE=verify-ca", "PGSSLROOTCERT=" + filepath.Join(s.dir, "tls", "tls.crt")}
	s.want(t, "secret", encrypted, "t")
	s.environment = []string{"PGSSLMODE=disable"}
	if answer, err := s.query(t, "secret", "SELECT 1"); err == nil || !strings.Contains(answer, "rejects") {
		t.Errorf("a connection without TLS: %s, %v", answer, err)
	}
	s.environment = nil

	// A renewed certificate is taken up by the next readiness check, and a broken one is not.
	pid, err := s.query(t, "secret", "SELECT pg_postmaster_start_time()")
	if err != nil {
		t.Fatal(err)
	}
	s.setCertificate(t, 2)
	s.waitReady(t)
	s.waitSerial(t, 2)
	s.writeTLS(t, "tls.key", []byte("no key"))
	s.waitReady(t)
	s.want(t, "secret", encrypted, "t")
	s.setCertificate(t, 3)
	s.waitReady(t)
	s.waitSerial(t, 3)
	s.want(t, "secret", "SELECT pg_postmaster_start_time()", pid)

	// Settings are checked together with it.
	if refused := s.restartWith(t, "ssl_ciphers = 'none-such'"); !strings.Contains(refused, "cipher") {
		t.Errorf("refused: %q", refused)
	}
	s.want(t, "secret", encrypted, "t")

	s.stop(t)
	s.tls = "Optional"
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", encrypted, "t")
	s.environment = []string{"PGSSLMODE=disable"}
	s.want(t, "secret", encrypted, "f")
}

// waitSerial waits for the server to have reloaded, which it does after it was asked to.
func (s *server) waitSerial(t *testing.T, want int64) {
	t.Helper()
	var got int64
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = s.serial(t); got == want {
			return
		}
	}
	t.Errorf("the server shows certificate %d, want %d\n%s", got, want, s.log())
}
