// Package cgroup finds the machine's cgroup hierarchies, of version 1, 2 or both,
// and removes what the cluster created in them.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Hierarchy is a mounted cgroup file system.
type Hierarchy struct {
	Path string
	// Unified: version 2.
	Unified bool
	// CPUSet: version 1 with the cpuset controller.
	CPUSet bool
}

// Hierarchies are those mounted below /sys/fs/cgroup.
func Hierarchies() ([]Hierarchy, error) {
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	defer func() { _ = file.Close() }()
	return parse(file)
}

func parse(mounts io.Reader) ([]Hierarchy, error) {
	var found []Hierarchy
	scanner := bufio.NewScanner(mounts)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[1], "/sys/fs/cgroup") {
			continue
		}
		switch fields[2] {
		case "cgroup":
			options := strings.Split(fields[3], ",")
			found = append(found, Hierarchy{Path: fields[1], CPUSet: slices.Contains(options, "cpuset")})
		case "cgroup2":
			found = append(found, Hierarchy{Path: fields[1], Unified: true})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("no cgroup hierarchy is mounted below /sys/fs/cgroup")
	}
	return found, nil
}

// Remove removes a cgroup, with those in it, from every hierarchy. Their
// processes are dead by then; the kernel may need a moment to take note.
func Remove(name string, limit time.Duration) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(limit)
	for _, h := range hierarchies {
		dir := filepath.Join(h.Path, name)
		for {
			err := removeTree(dir)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("remove the cgroup %s within %s: %w", dir, limit, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// removeTree removes folders from the innermost out; a cgroup's files go with it.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
