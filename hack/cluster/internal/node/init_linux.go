package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Namespaces are those that the node's first process is started in. With a
// process namespace the end of that process is the end of all that the node
// runs, containers included, whatever state they are in; with a mount and a
// network namespace their mounts, links, routes and iptables rules go too.
const Namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
	syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// Run is the node's first process: it makes the node's view of the machine,
// starts the components of the plan in the file, and keeps them running until it
// is asked to stop.
func Run(planFile string) error {
	data, err := os.ReadFile(planFile)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	var plan Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return fmt.Errorf("decode the plan: %w", err)
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"mount the node's file systems", func() error { return mountAll(plan) }},
		{"name the node", func() error { return syscall.Sethostname([]byte(spec.NodeName)) }},
		{"join the node's cgroup", joinCgroups},
		{"set up the network", setUpNetwork},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	newSupervisor(plan.Components).run(ctx)
	return nil
}
