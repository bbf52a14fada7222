package testenv

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"regexp"
)

var loopback = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// Forward returns a local address that leads to a port of a pod, or of one of a Deployment's ("pod/NAME", "deployment/NAME"),
// until stop is called or the context ends.
func Forward(ctx context.Context, namespace, object string, port int) (address string, stop func(), err error) {
	command := exec.CommandContext(ctx, "kubectl", "--namespace="+namespace, "port-forward", object, fmt.Sprintf(":%d", port))
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = command.Process.Kill(); _ = command.Wait() }
	line, err := bufio.NewReader(output).ReadString('\n')
	if err == nil {
		if address = loopback.FindString(line); address != "" {
			return address, stop, nil
		}
		err = fmt.Errorf("no address in %q", line)
	}
	stop()
	return "", nil, fmt.Errorf("forward port %d of %s: %w", port, object, err)
}
