package chart

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pod moves a process into a pod of its own: it is process 1 there, as the server is, and neither sees the other's
// processes nor its shared memory, by which PostgreSQL would notice the other.
func (s *server) pod(command *exec.Cmd) *exec.Cmd {
	attributes := command.SysProcAttr
	attributes.Cloneflags |= syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return command
}

// inPod starts the server in a pod of its own.
func (s *server) inPod(t *testing.T) {
	t.Helper()
	s.startWith(t, s.pod(s.script(context.Background(), "start.sh")))
}

// twin is another pod with the same volume.
func (s *server) twin(t *testing.T) *server {
	t.Helper()
	other := s.another(t, "twin", func(*server) {})
	other.environment = []string{"PGDATA=" + filepath.Join(s.dir, "volume", "data"), "DATABASE_LOCK_TRIES=2"}
	other.setPassword(t, "secret")
	return other
}

// run runs a container of the twin's pod to its end, which must be within a minute, and returns what it says.
func (s *server) run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := s.pod(s.command(ctx, name, args...))
	command.Env = append(append(command.Env, s.environment...), "DATABASE_RESTORE_FROM=blog", "DATABASE_RESTORE_DUMP=latest")
	output, err := command.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("%s %s ran for a minute beside the server: %s", name, strings.Join(args, " "), output)
	}
	return string(output), err
}

// Whatever starts a second server or works on the data beside the first is refused, and the data is as it was.
func TestSecondServer(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.inPod(t)
	s.waitReady(t)
	s.want(t, "secret", "CREATE TABLE rows AS SELECT generate_series(1, 1000) n; SELECT count(*) FROM rows", "SELECT 1000\n1000")
	other := s.twin(t)
	config := filepath.Join(other.dir, "config")
	if err := os.WriteFile(filepath.Join(config, "settings.conf"), []byte("work_mem = '8MB'\n"), 0o644); err != nil { //nolint:gosec // The kubelet's file is for a group.
		t.Fatal(err)
	}
	data := filepath.Join(s.dir, "volume", "data")
	const locked = "another container uses the data"
	ways := []struct {
		name string
		args []string
		want string
	}{
		{"a second pod of the StatefulSet", []string{"sh", filepath.Join(config, "start.sh")}, locked},
		{"its container that restores", []string{"sh", filepath.Join(config, "start.sh"), "restore"}, locked},
		{"its container that checks the settings", []string{"sh", filepath.Join(config, "settings.sh")}, locked},
		{"a debug copy with a command of its own", []string{filepath.Join(s.programs, "postgres"), "-D", data, "-p", other.port}, "start_sh_was_not_used"},
		{"a single user", []string{filepath.Join(s.programs, "postgres"), "--single", "-D", data, "postgres"}, "start_sh_was_not_used"},
	}
	try := func(state string) {
		t.Helper()
		for _, way := range ways {
			output, err := other.run(t, way.args[0], way.args[1:]...)
			if err == nil || !strings.Contains(output, way.want) {
				t.Errorf("%s, %s: %v: %s", way.name, state, err, output)
			}
		}
	}
	try("beside a server that serves")
	s.want(t, "secret", "INSERT INTO rows SELECT 1001; SELECT count(*) FROM rows", "INSERT 0 1\n1001")
	if err := syscall.Kill(-s.process.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	try("beside a server that hangs")
	if err := syscall.Kill(-s.process.Process.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.want(t, "secret", "SELECT count(*) FROM rows", "1001")

	// Once it is killed, the next one may start at once.
	s.kill()
	s.inPod(t)
	s.waitReady(t)
	s.want(t, "secret", "SELECT count(*) FROM rows", "1001")
	s.stop(t)
	for _, check := range [][]string{{"pg_checksums", "--check", "-D", data}, {"pg_controldata", "-D", data}} {
		output, err := s.command(t.Context(), filepath.Join(s.programs, check[0]), check[1:]...).CombinedOutput()
		if err != nil || check[0] == "pg_controldata" && !strings.Contains(string(output), "shut down\n") {
			t.Errorf("%s: %v: %s", check[0], err, output)
		}
	}
}

// Processes that a killed server leaves behind may still write.
func TestServerOfWhichProcessesAreLeft(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	other := s.twin(t)
	backend := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-Xqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", s.database, "-c", "DO $$ BEGIN LOOP END LOOP; END $$")
	if err := backend.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-backend.Process.Pid, syscall.SIGKILL); _ = backend.Wait() }()
	s.wait(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND datname = 'wordpress'", "1")
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	// The first server's own file would stop the second here, where both see the same processes.
	if err := os.Remove(filepath.Join(s.dir, "volume", "data", "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	if output, err := other.run(t, "sh", filepath.Join(other.dir, "config", "start.sh")); err == nil || !strings.Contains(output, "another container uses the data") {
		t.Errorf("%v: %s", err, output)
	}
}

// Two pods that begin on an empty volume at once: one makes the data, the other waits for it, and then gives up.
func TestTwoServersFromTheBeginning(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	other := s.twin(t)
	s.inPod(t)
	s.waitLocked(t)
	if output, err := other.run(t, "sh", filepath.Join(other.dir, "config", "start.sh")); err == nil || !strings.Contains(output, "another container uses the data") {
		t.Errorf("%v: %s", err, output)
	}
	s.waitReady(t)
	s.want(t, "secret", "SELECT 1", "1")
}

// waitLocked waits until the server has the volume.
func (s *server) waitLocked(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(s.dir, "volume", "data.lock")); err == nil && len(text) > 0 {
			return
		}
	}
	t.Fatal("nobody took the lock")
}
