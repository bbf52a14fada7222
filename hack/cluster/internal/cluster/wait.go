package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// condition is something that `up` waits for.
type condition struct {
	// what completes "waited 10s for".
	what string
	// done completes the line that reports success.
	done  string
	limit time.Duration
	// component is whose log has why it did not come about.
	component string
	// holds returns nil where it has come about.
	holds func(context.Context) error
}

// hopeless is how often in a row a process may end soon after its start before
// there is no point in waiting.
const hopeless = 4

// wait returns when the condition holds; sooner with an error where its limit is
// over, the node has died, or one of the node's processes keeps ending.
func wait(ctx context.Context, first machine.Process, c condition) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	var last error
	for {
		err := c.holds(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // the limit itself is no news
			last = err
		}
		if !first.Alive() {
			return explain("node", fmt.Errorf("the node has died while waiting for %s", c.what))
		}
		if p := failing(); p != nil {
			return explain(p.Name, fmt.Errorf("%s does not stay up (%s), so that there is no point in waiting for %s", p.Name, p.LastExit, c.what))
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("broken off while waiting for %s", c.what)
			}
			return explain(c.component, fmt.Errorf("waited %s for %s: %w", c.limit, c.what, last))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// failing is a process that does not stay up, if there is one.
func failing() *node.Process {
	processes, err := node.Processes()
	if err != nil {
		return nil // the supervisor may be writing its first state
	}
	for _, p := range processes {
		recovered := p.PID != 0 && time.Since(p.Started) > node.Steady
		if p.Failures >= hopeless && !recovered {
			return &p
		}
	}
	return nil
}

// explain adds where the log is, and its last lines.
func explain(component string, err error) error {
	file := spec.State("log", component+".log")
	data, readErr := os.ReadFile(file)
	if readErr != nil {
		return fmt.Errorf("%w\nno log: %w", err, readErr)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines = lines[max(0, len(lines)-8):]
	for i, line := range lines {
		if len(line) > 300 {
			lines[i] = line[:300] + " ..."
		}
	}
	return fmt.Errorf("%w\nthe log is %s and ends with:\n  %s", err, file, strings.Join(lines, "\n  "))
}
