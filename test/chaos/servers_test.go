package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestShared(t *testing.T) {
	found := []server{{pid: 1, data: "8:1"}, {pid: 2, data: "8:2"}, {pid: 3, data: "8:1"}, {pid: 4, data: "8:1"}}
	if got := shared(found); !slices.Equal(got, []string{"8:1"}) {
		t.Errorf("got %q", got)
	}
	if got := shared(found[:2]); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestWithoutForks(t *testing.T) {
	server1, fork := server{pid: 1, data: "8:1"}, server{pid: 2, parent: 1, data: "8:1"}
	second, other := server{pid: 3, parent: 9, data: "8:1"}, server{pid: 4, parent: 1, data: "8:2"}
	got := withoutForks([]server{fork, server1, second, other})
	if want := []server{server1, second, other}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A server's fork that still has its name is not a second server on its data; another server is.
func TestServers(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("18"), 0o600); err != nil {
		t.Fatal(err)
	}
	here := func(all []server) []server { // other tests may run servers too
		return slices.DeleteFunc(all, func(one server) bool {
			folder, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", one.pid))
			return err != nil || folder != data
		})
	}
	for want := 1; want <= 2; want++ {
		command := exec.Command("bash", "-c", `(exec -a postgres sleep 60) & wait`)
		command.Args[0], command.Dir = "postgres", data
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL); _ = command.Wait() })

		deadline := time.Now().Add(10 * time.Second)
		for len(here(processes())) < 2*want {
			if time.Now().After(deadline) {
				t.Fatalf("got %+v, want a server and a fork for each of %d", here(processes()), want)
			}
			time.Sleep(10 * time.Millisecond)
		}
		found := here(servers())
		if len(found) != want || (len(shared(found)) > 0) != (want > 1) {
			t.Errorf("got %+v, want %d", found, want)
		}
	}
}
