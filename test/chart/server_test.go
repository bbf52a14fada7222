// Package chart runs the chart's scripts with a PostgreSQL of this machine, as the pod runs them.
package chart

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody runs the server where the tests run as root, under whom PostgreSQL does not start.
const nobody = 65534

// server is one volume, with what the pod mounts beside it.
type server struct {
	dir      string
	programs string
	port     string
	user     string
	database string
	encoding string
	tls      string // Required, Optional, or empty for none
	exporter bool
	// environment is the clients' beside the usual.
	environment []string
	process     *exec.Cmd
}

// root is a folder with another system's files, in which the scripts run instead of this machine's: an image's, with another
// version of PostgreSQL. Its /tmp, /proc and /dev must be this machine's. It needs root.
var root = os.Getenv("CHART_TEST_ROOT")

// programs returns the folder of PostgreSQL's programs: Debian's, or the one on PATH.
func programs(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "/usr/lib/postgresql/*/bin/postgres"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if len(found) == 0 {
		path, err := exec.LookPath("postgres")
		if err != nil {
			t.Fatal("PostgreSQL's programs are not on this machine: install postgresql, as with apt-get install postgresql")
		}
		found = []string{path}
	}
	return strings.TrimPrefix(filepath.Dir(found[len(found)-1]), root)
}

func newServer(t *testing.T, encoding string) *server {
	t.Helper()
	t.Parallel()
	programs := programs(t)
	// A short path: a socket's has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "db")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: dir, programs: programs, port: freePort(t), user: "wp", database: "wordpress", encoding: encoding}
	t.Cleanup(func() {
		s.kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s.prepare(t)
	return s
}

// prepare makes the volume and what is mounted beside it.
func (s *server) prepare(t *testing.T) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(s.dir, "config"), os.DirFS("../../helm-charts/database/files")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"volume", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "volume", "run", "tmp"} {
		if os.Getuid() == 0 {
			if err := os.Chown(filepath.Join(s.dir, name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// setPassword is what the kubelet does when the Secret changes.
func (s *server) setPassword(t *testing.T, password string) {
	t.Helper()
	//nolint:gosec // The kubelet's file is for a group; here it is for another user.
	if err := os.WriteFile(filepath.Join(s.dir, "password"), []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = s.dir
	command.Env = append(os.Environ(), "HOME="+s.dir, "PATH="+s.programs+":"+os.Getenv("PATH"),
		"DATABASE_USER="+s.user, "DATABASE_NAME="+s.database, "DATABASE_ENCODING="+s.encoding,
		"DATABASE_PASSWORD_FILE="+filepath.Join(s.dir, "password"), "DATABASE_PORT="+s.port,
		"DATABASE_EXPORTER_PASSWORD_FILE="+filepath.Join(s.dir, "exporter-password"),
		"DATABASE_TLS="+s.tls, "DATABASE_TLS_DIR="+filepath.Join(s.dir, "tls"),
		"DATABASE_SOCKET_DIR="+filepath.Join(s.dir, "run"), "DATABASE_CONFIG_DIR="+filepath.Join(s.dir, "config"),
		"DATABASE_TERMINATION_LOG="+filepath.Join(s.dir, "tmp", "last-words"), "TMPDIR="+filepath.Join(s.dir, "tmp"),
		"PGDATA="+filepath.Join(s.dir, "volume", "data"), "PGCLIENTENCODING=SQL_ASCII",
	)
	if s.exporter {
		command.Env = append(command.Env, "DATABASE_EXPORTER=true")
	}
	// A group of its own, so that all of it can be killed, as the kernel does with a container.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Chroot: root}
	if os.Getuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return command
}

func (s *server) script(ctx context.Context, name string) *exec.Cmd {
	return s.command(ctx, "sh", filepath.Join(s.dir, "config", name))
}

// query logs in over TCP as the user.
func (s *server) query(t *testing.T, password, sql string) (string, error) {
	t.Helper()
	psql := filepath.Join(s.programs, "psql")
	command := s.command(t.Context(), psql, "-XAtw", "-h", "127.0.0.1", "-p", s.port, "-U", s.user, "-d", s.database, "-c", sql)
	command.Env = append(append(command.Env, "PGPASSWORD="+password), s.environment...)
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func (s *server) want(t *testing.T, password, sql, want string) {
	t.Helper()
	if got, err := s.query(t, password, sql); err != nil || got != want {
		t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
	}
}

// wait waits until a query has this answer.
func (s *server) wait(t *testing.T, sql, want string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got, _ = s.query(t, "secret", sql); got == want {
			return
		}
	}
	t.Fatalf("%s: %q, want %q", sql, got, want)
}
