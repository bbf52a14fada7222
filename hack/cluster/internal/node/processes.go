package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Process is the state of a component's process, as the supervisor reports it.
type Process struct {
	Name string
	// PID is its process ID in the node's namespace; 0 where it does not run.
	PID      int
	Started  time.Time
	Restarts int
	// Failures counts those of its processes that ended soon, one after another.
	Failures int
	// LastExit says how its process before this one ended.
	LastExit string
}

func processesFile() string { return spec.State("processes.json") }

// Processes are the node's processes as last reported; none where no node was
// started.
func Processes() ([]Process, error) {
	data, err := os.ReadFile(processesFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of the processes: %w", err)
	}
	var processes []Process
	if err := json.Unmarshal(data, &processes); err != nil {
		return nil, fmt.Errorf("decode the state of the processes: %w", err)
	}
	return processes, nil
}

// note changes a component's state and reports it.
func (s *supervisor) note(name string, change func(*Process)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.states[name])
	processes := make([]Process, 0, len(s.states))
	for _, p := range s.states {
		processes = append(processes, *p)
	}
	slices.SortFunc(processes, func(a, b Process) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.Marshal(processes)
	if err == nil {
		file := processesFile()
		if err = os.WriteFile(file+".new", data, 0o644); err == nil {
			err = os.Rename(file+".new", file)
		}
	}
	if err != nil {
		log.Printf("write the state of the processes: %v", err)
	}
}

func exitReason(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
