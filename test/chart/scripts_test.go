// Package chart runs the chart's scripts with a PostgreSQL of this machine, as the pod runs them.
package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// programs returns the folder of PostgreSQL's programs: Debian's, or the one on PATH.
func programs(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
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
	return filepath.Dir(found[len(found)-1])
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
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return command
}

func (s *server) script(ctx context.Context, name string) *exec.Cmd {
	return s.command(ctx, "sh", filepath.Join(s.dir, "config", name))
}

// start starts the container's process.
func (s *server) start(t *testing.T) {
	t.Helper()
	// A file, not a pipe: children of a server that was killed hold it for a moment.
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.process = s.script(context.Background(), "start.sh")
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
}

// log is what the container has logged since it was started.
func (s *server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// kill ends the container as a node that loses its power does.
func (s *server) kill() {
	if s.process == nil {
		return
	}
	_ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL)
	// A server, or what is left of one, may be in a session of its own. In a container nothing outlives process 1.
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		left := s.leftovers()
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = s.process.Wait()
	s.process = nil
}

// leftovers are the processes that work in the server's directory, as all of a server's do.
func (s *server) leftovers() []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if folder, err := os.Readlink(link); err == nil && strings.HasPrefix(folder, s.dir+"/") {
			var pid int
			if _, err := fmt.Sscanf(link, "/proc/%d/cwd", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// waitReady runs the probes as the kubelet does.
func (s *server) waitReady(t *testing.T) {
	t.Helper()
	var last []byte
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if s.script(t.Context(), "alive.sh").Run() != nil {
			continue
		}
		output, err := s.script(t.Context(), "ready.sh").CombinedOutput()
		if err == nil {
			return
		}
		last = output
	}
	t.Fatalf("not ready: %s\n%s", last, s.log())
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

// stop is the kubelet's: the hook, then the signal.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if output, err := s.script(t.Context(), "stop.sh").CombinedOutput(); err != nil {
		t.Errorf("stop: %v: %s", err, output)
	}
	_ = s.process.Process.Signal(syscall.SIGTERM)
	if err := s.process.Wait(); err != nil {
		t.Errorf("the server's end: %v\n%s", err, s.log())
	}
	s.process = nil
}

// lastWords waits for the container to end, and returns what it leaves in the pod's status.
func (s *server) lastWords(t *testing.T) string {
	t.Helper()
	err := s.process.Wait()
	s.process = nil
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Errorf("the container's end: %v", err)
	}
	words, err := os.ReadFile(filepath.Join(s.dir, "tmp", "last-words"))
	if err != nil {
		t.Fatal(err)
	}
	return string(words)
}

func TestPasswordsAndEncodings(t *testing.T) {
	passwords := []string{
		"secret", `it's "quoted"`, `back\slash \n \' '; DROP ROLE postgres; --`, "$HOME `id` $(id) %s :user :'user'",
		"line one\nline two\n", "\n", " spaces ", "é漢字🔑", strings.Repeat("x", 256), "-c", `\getenv`,
	}
	for i, encoding := range []string{"UTF8", "LATIN1", "EUC_JP", "SQL_ASCII", "WIN1251", "MULE_INTERNAL"} {
		t.Run(encoding, func(t *testing.T) {
			s := newServer(t, encoding)
			first := passwords[i]
			s.setPassword(t, first)
			s.start(t)
			s.waitReady(t)
			s.want(t, first, "SHOW server_encoding", encoding)
			s.want(t, first, "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user", "f")
			s.want(t, first, "CREATE TABLE rows AS SELECT generate_series(1, 1000); SELECT count(*) FROM rows", "SELECT 1000\n1000")
			before := first
			for _, password := range passwords {
				s.setPassword(t, password)
				s.waitReady(t)
				s.want(t, password, "SELECT count(*) FROM rows", "1000")
				if password != before {
					if _, err := s.query(t, before, "SELECT 1"); err == nil {
						t.Errorf("the password %q still logs in", before)
					}
				}
				before = password
			}
			if strings.Contains(s.log(), "DROP ROLE") || strings.Contains(s.log(), "漢") {
				t.Errorf("a password is in the log: %s", s.log())
			}
			s.stop(t)
			s.start(t)
			s.waitReady(t)
			s.want(t, before, "SELECT count(*) FROM rows", "1000")
		})
	}
}

func TestSuperuserComesByTheSocketOnly(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	for _, login := range []struct{ user, database string }{{"postgres", "wordpress"}, {"wp", "database_operator"}} {
		s.user, s.database = login.user, login.database
		if answer, err := s.query(t, "secret", "SELECT 1"); err == nil || !strings.Contains(answer, "rejects") {
			t.Errorf("%s in %s: %s, %v", login.user, login.database, answer, err)
		}
	}
}

// A password that the server could not take is never set: an empty one would let nobody in any more.
func TestBadPasswords(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "")
	s.start(t)
	if words := s.lastWords(t); !strings.Contains(words, "password") {
		t.Errorf("last words: %s", words)
	}
	s.setPassword(t, "good")
	s.start(t)
	s.waitReady(t)
	for _, bad := range []string{"", "a\x00b"} {
		s.setPassword(t, bad)
		if err := s.script(t.Context(), "ready.sh").Run(); err == nil {
			t.Errorf("ready with the password %q", bad)
		}
		s.want(t, "good", "SELECT 1", "1")
	}
}

// The power goes at any moment of the initialisation: the next start makes the data, or finds them whole.
func TestInitialisationIsCutShort(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	for wait := 50 * time.Millisecond; ; wait = wait * 3 / 2 {
		s.start(t)
		time.Sleep(wait)
		_, err := os.Stat(filepath.Join(s.dir, "volume", "data"))
		s.kill()
		if err == nil {
			break
		}
		if wait > time.Minute {
			t.Fatalf("no data after a minute: %s", s.log())
		}
	}
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "CREATE TABLE rows AS SELECT 1; SELECT count(*) FROM rows", "SELECT 1\n1")
	s.kill()
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "SELECT count(*) FROM rows", "1")
}

func TestDataOfAnotherAreLeftAlone(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	s.stop(t)
	for _, test := range []struct {
		name string
		edit func(*server)
		want string
	}{
		{"another user", func(s *server) { s.user = "other" }, "data of another Database (user=wp"},
		{"another database", func(s *server) { s.database = "other" }, "database=wordpress"},
		{"another encoding", func(s *server) { s.encoding = "LATIN1" }, "encoding=UTF8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := *s
			test.edit(&other)
			other.start(t)
			if words := other.lastWords(t); !strings.Contains(words, test.want) {
				t.Errorf("last words: %s", words)
			}
		})
	}
	version := filepath.Join(s.dir, "volume", "data", "PG_VERSION")
	was, err := os.ReadFile(version)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if words := s.lastWords(t); !strings.Contains(words, "the data are of PostgreSQL 9") {
		t.Errorf("last words: %s", words)
	}
	if err := os.WriteFile(version, was, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
}

// A password in the arguments of a process can be read by everybody on the node.
func TestPasswordIsInNoArgument(t *testing.T) {
	const password = "Tr0ub4dor-and-3"
	s := newServer(t, "UTF8")
	s.setPassword(t, password)
	s.start(t)
	done := make(chan struct{})
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-done:
				return
			default:
			}
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, name := range lines {
				if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(password)) {
					seen <- string(line)
					return
				}
			}
		}
	}()
	s.waitReady(t)
	s.setPassword(t, password+"-new")
	s.waitReady(t)
	close(done)
	if line, found := <-seen; found {
		t.Errorf("the password is in the arguments: %q", line)
	}
}
