package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/progress"
)

const restartLimit = 30 * time.Second

// Restart kills a process of the node with SIGKILL, as a crash would, and waits
// until the supervisor has started it again. Tests use it.
func Restart(ctx context.Context, name string, out *progress.Printer) error {
	r, err := readRecord()
	if err != nil {
		return err
	}
	if r == nil || !r.Node.Alive() {
		return errors.New("there is no cluster; `make cluster-up` makes one")
	}
	before, err := process(name)
	if err != nil {
		return err
	}
	inside, err := machine.Inside(r.Node)
	if err != nil {
		return err
	}
	if pid, running := inside[before.PID]; running {
		victim, err := machine.Identify(pid)
		if err != nil {
			return err
		}
		if err := victim.Kill(killLimit); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, restartLimit)
	defer cancel()
	for {
		now, err := process(name)
		if err != nil {
			return err
		}
		if now.PID != 0 && now.Restarts > before.Restarts {
			out.Step("%s runs again", name)
			return nil
		}
		select {
		case <-ctx.Done():
			return explain(name, fmt.Errorf("waited %s for %s to run again", restartLimit, name))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func process(name string) (node.Process, error) {
	processes, err := node.Processes()
	if err != nil {
		return node.Process{}, err
	}
	i := slices.IndexFunc(processes, func(p node.Process) bool { return p.Name == name })
	if i < 0 {
		return node.Process{}, fmt.Errorf("the node has no process %q; `bin/cluster status` shows those it has", name)
	}
	return processes[i], nil
}
