package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// server is a PostgreSQL server on this machine: the process that all others of it come from.
type server struct {
	pid  int
	data string // its data directory, by device and inode
	pod  string // its control group, by which a pod's processes are known
}

// servers finds all of them. The server's process works in its data directory, and calls itself as it was called; those
// that come of it are called "postgres: " and what they do.
func servers() []server {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil
	}
	var found []server
	for _, file := range files {
		command, err := os.ReadFile(file)
		program, _, _ := strings.Cut(string(command), "\x00")
		if err != nil || filepath.Base(program) != "postgres" {
			continue
		}
		folder := filepath.Dir(file)
		var data syscall.Stat_t
		if _, err := os.Stat(filepath.Join(folder, "cwd", "PG_VERSION")); err != nil {
			continue // it has not come to its data yet
		}
		groups, err := os.ReadFile(filepath.Join(folder, "cgroup"))
		if err != nil || syscall.Stat(filepath.Join(folder, "cwd"), &data) != nil {
			continue
		}
		one := server{data: fmt.Sprintf("%d:%d", data.Dev, data.Ino), pod: strings.ReplaceAll(string(groups), "_", "-")}
		if _, err := fmt.Sscan(filepath.Base(folder), &one.pid); err == nil {
			found = append(found, one)
		}
	}
	return found
}

// shared are the data directories that have more than one server.
func shared(found []server) []string {
	seen := map[string]bool{}
	var twice []string
	for _, one := range found {
		if seen[one.data] && !slices.Contains(twice, one.data) {
			twice = append(twice, one.data)
		}
		seen[one.data] = true
	}
	return twice
}

// watchServers looks all the time for data with two servers, until the returned function is called, which gives how many
// there were, and how often it looked.
func watchServers(ctx context.Context) func() (two, looked int) {
	all := map[string]bool{}
	var looks int
	stop := inBackground(ctx, 20*time.Millisecond, func(context.Context) {
		looks++
		for _, data := range shared(servers()) {
			if !all[data] {
				progress("two servers on the data %s: %+v", data, servers())
			}
			all[data] = true
		}
	})
	return func() (int, int) {
		stop()
		return len(all), looks
	}
}

// crash kills the server of a pod as a fault of its own would.
func crash(podUID string) error {
	for _, one := range servers() {
		if strings.Contains(one.pod, podUID) {
			return syscall.Kill(one.pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("pod %s has no server on this machine", podUID)
}
