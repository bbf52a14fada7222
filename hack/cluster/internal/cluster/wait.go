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
	// done completes the line that tells of success.
	done  string
	limit time.Duration
	// component is whose log tells why it did not come about.
	component string
	// holds returns nil where it has come about.
	holds func(context.Context) error
}

// hopeless is how often a process may end before there is no point in waiting.
const hopeless = 4

// wait returns when the condition holds; sooner with an error where its limit is
// over, the node has died, or the component keeps ending.
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
		if reason := givenUp(c.component); reason != "" {
			return explain(c.component, fmt.Errorf("%s does not stay up (%s), so there is no %s", c.component, reason, c.what))
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

func givenUp(component string) string {
	processes, err := node.Processes()
	if err != nil {
		return ""
	}
	for _, p := range processes {
		if p.Name == component && p.Restarts >= hopeless {
			return p.LastExit
		}
	}
	return ""
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
