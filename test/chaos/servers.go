package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// server is a PostgreSQL server on this machine: the process that all others of it come from.
type server struct {
	pid    int
	parent int
	data   string // its data directory, by device and inode
	pod    string // the UID of its pod, by its control group
}

var podUID = regexp.MustCompile(`pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})`)

// servers finds all of them.
func servers() []server { return withoutForks(processes()) }

// processes finds the servers, and their forks for a moment. A server's process works in its data directory, and calls
// itself as it was called; those that come of it are soon called "postgres: " and what they do.
func processes() []server {
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
		if one, ok := readServer(filepath.Dir(file)); ok {
			found = append(found, one)
		}
	}
	return found
}

// readServer reads what is known of a process from its folder in /proc; false if it has not come to its data, or has ended.
func readServer(folder string) (one server, ok bool) {
	if _, err := os.Stat(filepath.Join(folder, "cwd", "PG_VERSION")); err != nil {
		return server{}, false
	}
	var data syscall.Stat_t
	if syscall.Stat(filepath.Join(folder, "cwd"), &data) != nil {
		return server{}, false
	}
	one.data = fmt.Sprintf("%d:%d", data.Dev, data.Ino)
	groups, err := os.ReadFile(filepath.Join(folder, "cgroup"))
	if err != nil {
		return server{}, false
	}
	if uid := podUID.FindSubmatch(groups); uid != nil {
		one.pod = strings.ReplaceAll(string(uid[1]), "_", "-")
	}
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return server{}, false
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the program's name, in brackets, has no bracket: it is postgres
	_, err = fmt.Sscanf(after, "%1s %d", new(string), &one.parent)
	if err != nil {
		return server{}, false
	}
	_, err = fmt.Sscan(filepath.Base(folder), &one.pid)
	return one, err == nil
}

// withoutForks leaves out what comes of another server on the same data: a fork has its server's name until it sets its own.
func withoutForks(found []server) []server {
	data := map[int]string{}
	for _, one := range found {
		data[one.pid] = one.data
	}
	return slices.DeleteFunc(found, func(one server) bool { return data[one.parent] == one.data })
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
		found := servers()
		for _, data := range shared(found) {
			if !all[data] {
				progress("two servers on the data %s: %+v", data, found)
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
func crash(uid string) error {
	for _, one := range servers() {
		if one.pod == uid {
			return syscall.Kill(one.pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("pod %s has no server on this machine", uid)
}
