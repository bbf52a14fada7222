// Package machine is the cluster's footing on the machine: packages, the veth
// pair, kernel settings, and processes identified for certain.
package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process names one process for good. A process ID alone is given to another
// process sooner or later.
type Process struct {
	PID int
	// Start is the start time in clock ticks since the machine started.
	Start uint64
	// Boot identifies the machine's run.
	Boot string
}

// Identify names the process that has the ID now.
func Identify(pid int) (Process, error) {
	start, _, err := stat(pid)
	if err != nil {
		return Process{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Process{}, fmt.Errorf("identify the machine's run: %w", err)
	}
	return Process{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// Alive is whether that very process still runs.
func (p Process) Alive() bool {
	if p.PID <= 0 || !p.there() {
		return false
	}
	_, state, err := stat(p.PID)
	return err == nil && state != "Z" && state != "X"
}

// Kill ends the process and waits until it has ended. Of the first process of a
// process namespace that means: until all of the namespace are.
func (p Process) Kill(limit time.Duration) error {
	if !p.Alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process %d: %w", p.PID, err)
	}
	for deadline := time.Now().Add(limit); p.Alive(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for the end of process %d", limit, p.PID)
		}
	}
	// Its parent has yet to take note; one that never does is not ours to fix.
	for deadline := time.Now().Add(zombieLimit); p.there() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// zombieLimit is how long Kill waits for a dead process to be collected.
const zombieLimit = 2 * time.Second

// there is whether the process, dead or alive, still has its ID.
func (p Process) there() bool {
	now, err := Identify(p.PID)
	return err == nil && now == p
}

// stat reads a process's start time and state.
func stat(pid int) (start uint64, state string, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", err
	}
	return parseStat(string(data))
}

// parseStat reads what follows the name, which is in parentheses and may hold
// anything: the state is the 3rd field, the start time the 22nd.
func parseStat(line string) (start uint64, state string, err error) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 20 {
		return 0, "", fmt.Errorf("not a line of /proc/PID/stat: %q", line)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, fields[0], err
}

// Called are the processes that were started under a name (their first
// argument), for one whose record is lost.
func Called(name string) ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, file := range files {
		cmdline, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(cmdline, append([]byte(name), 0)) {
			continue // it ended, or is another
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if p, err := Identify(pid); err == nil {
			found = append(found, p)
		}
	}
	return found, nil
}

// Inside maps process IDs in the process namespace whose first process is given
// to process IDs here.
func Inside(first Process) (map[int]int, error) {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", first.PID))
	if err != nil {
		return nil, fmt.Errorf("find the process namespace of %d: %w", first.PID, err)
	}
	files, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		return nil, err
	}
	inside := map[int]int{}
	for _, file := range files {
		if link, err := os.Readlink(file); err != nil || link != namespace {
			continue
		}
		dir := filepath.Dir(filepath.Dir(file))
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if inner, ok := innermost(string(status)); ok {
			inside[inner] = pid
		}
	}
	return inside, nil
}

// innermost reads a process's ID in its own namespace out of /proc/PID/status.
func innermost(status string) (int, bool) {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			if len(fields) == 0 {
				return 0, false
			}
			pid, err := strconv.Atoi(fields[len(fields)-1])
			return pid, err == nil
		}
	}
	return 0, false
}
