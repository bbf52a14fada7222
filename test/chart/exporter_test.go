package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// setExporterPassword is what the kubelet mounts of the exporter's Secret.
func (s *server) setExporterPassword(t *testing.T, password string) {
	t.Helper()
	//nolint:gosec // The kubelet's file is for a group; here it is for another user.
	if err := os.WriteFile(filepath.Join(s.dir, "exporter-password"), []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
}

// asExporter logs in as the exporter does.
func (s *server) asExporter(t *testing.T, host, database, password string) (string, error) {
	t.Helper()
	psql := filepath.Join(s.programs, "psql")
	command := s.command(t.Context(), psql, "-XAtw", "-h", host, "-p", s.port, "-U", "database_exporter", "-d", database,
		"-c", "SELECT pg_has_role('pg_monitor', 'MEMBER'), rolsuper FROM pg_roles WHERE rolname = current_user")
	command.Env = append(command.Env, "PGPASSWORD="+password, "PGSSLMODE=disable")
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func TestExporter(t *testing.T) {
	s := newServer(t, "LATIN1")
	s.setPassword(t, "secret")
	s.setCertificate(t, 1)
	s.tls, s.exporter = "Required", true
	s.start(t)
	s.waitReady(t) // the exporter's password is not there yet, and the server serves
	s.setExporterPassword(t, "first")
	s.waitReady(t)
	login := func(host, database, password, want string) {
		t.Helper()
		if got, err := s.asExporter(t, host, database, password); !strings.Contains(got, want) || (err == nil) != (want == "t|f") {
			t.Errorf("%s on %s: %q, %v; want %q", database, host, got, err, want)
		}
	}
	login("127.0.0.1", "postgres", "first", "t|f")
	login("127.0.0.1", "postgres", "other", "authentication failed")
	login("127.0.0.1", "wordpress", "first", "rejects")
	login("127.0.0.1", "template1", "first", "rejects")
	login("127.0.0.1", "database_operator", "first", "rejects")
	login("::1", "postgres", "first", "rejects")

	// Its password follows the Secret, and neither is in the log.
	s.setExporterPassword(t, "second")
	s.waitReady(t)
	login("127.0.0.1", "postgres", "second", "t|f")
	login("127.0.0.1", "postgres", "first", "authentication failed")
	if log := s.log(); strings.Contains(log, "'first'") || strings.Contains(log, "'second'") {
		t.Errorf("the log has a password: %s", log)
	}

	// The volume has the role, and the server a new start.
	s.stop(t)
	s.start(t)
	s.waitReady(t)
	login("127.0.0.1", "postgres", "second", "t|f")

	// Without an exporter nobody comes by its role.
	s.stop(t)
	s.exporter = false
	s.start(t)
	s.waitReady(t)
	login("127.0.0.1", "postgres", "second", "rejects")
}

// Before there was an exporter, its role's name was a user's like any other.
func TestUserOfTheExportersName(t *testing.T) {
	s := newServer(t, "UTF8")
	s.user = "database_exporter"
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "SELECT current_user", "database_exporter")
}
