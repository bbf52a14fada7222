package chart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start starts the container's process.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.startWith(t, s.script(context.Background(), "start.sh"))
}

func (s *server) startWith(t *testing.T, process *exec.Cmd) {
	t.Helper()
	// A file, not a pipe: children of a server that was killed hold it for a moment.
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.process = process
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
		if folder, err := os.Readlink(link); err == nil && strings.HasPrefix(strings.TrimPrefix(folder, root), s.dir+"/") {
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
