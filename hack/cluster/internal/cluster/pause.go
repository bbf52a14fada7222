package cluster

import (
	"errors"
	"fmt"
	"syscall"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/progress"
)

// Pause stops a process of the node, as if the machine had no time for it, until Resume.
func Pause(name string, out *progress.Printer) error {
	return signal(name, syscall.SIGSTOP, "is paused", out)
}

// Resume lets a paused process go on.
func Resume(name string, out *progress.Printer) error {
	return signal(name, syscall.SIGCONT, "goes on", out)
}

func signal(name string, what syscall.Signal, done string, out *progress.Printer) error {
	r, err := readRecord()
	if err != nil {
		return err
	}
	if r == nil || !r.Node.Alive() {
		return errors.New("there is no cluster; `make cluster-up` makes one")
	}
	p, err := process(name)
	if err != nil {
		return err
	}
	inside, err := machine.Inside(r.Node)
	if err != nil {
		return err
	}
	pid, running := inside[p.PID]
	if !running {
		return fmt.Errorf("%s does not run at this moment", name)
	}
	if err := syscall.Kill(pid, what); err != nil {
		return fmt.Errorf("send %s to %s: %w", what, name, err)
	}
	out.Step("%s %s", name, done)
	return nil
}
