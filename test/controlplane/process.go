package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a child with its output in a file.
type Process struct {
	// Log is the file.
	Log     string
	command *exec.Cmd
}

// StartProcess starts a program that does not outlive this process.
func StartProcess(log, program string, args ...string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close() //nolint:errcheck // the child has its own
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return &Process{log, command}, nil
}

// Stop ends the process and waits for it.
func (p *Process) Stop() {
	if p == nil {
		return
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}

// clockTick is what /proc counts CPU time in: USER_HZ, 100 a second on Linux.
const clockTick = 10 * time.Millisecond

// CPUTime is the CPU time that the process has used: utime and stime, the fields 14 and 15 of proc(5)'s stat.
func (p *Process) CPUTime() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the process has ended, its log is %s: %w", p.Log, err)
	}
	// The second field, the command, may hold spaces.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 { // a process that has ended and was not waited for
		return 0, fmt.Errorf("the process has ended, its log is %s", p.Log)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading its CPU time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// Memory is the process's resident set, in bytes: now, and the largest that it ever was.
func (p *Process) Memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("the process has ended, its log is %s: %w", p.Log, err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmRSS":
			now, err = kibibytes(value)
		case "VmHWM":
			peak, err = kibibytes(value)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("reading its memory: %w", err)
		}
	}
	if now == 0 {
		return 0, 0, fmt.Errorf("the process has ended, its log is %s", p.Log)
	}
	return now, peak, nil
}

// ResetPeak has the largest resident set counted from now on; see clear_refs in proc(5).
func (p *Process) ResetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.command.Process.Pid), []byte("5"), 0)
}

// kibibytes reads a size such as "  1234 kB".
func kibibytes(value string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
	return n << 10, err
}
