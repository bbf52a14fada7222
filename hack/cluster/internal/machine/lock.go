package machine

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Lock keeps two commands from changing the cluster at once; the returned
// function gives it back. It is an abstract socket: no file is left behind, and
// it ends with the process that has it.
func Lock(ctx context.Context, name string, limit time.Duration, waiting func()) (func(), error) {
	for deadline, reported := time.Now().Add(limit), false; ; {
		listener, err := new(net.ListenConfig).Listen(ctx, "unix", "@"+name)
		if err == nil {
			return func() { _ = listener.Close() }, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("waited %s for another command on the cluster to end: %w", limit, err)
		}
		if !reported {
			waiting()
			reported = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
