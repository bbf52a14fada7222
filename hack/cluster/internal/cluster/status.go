package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/api"
	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Status prints how the cluster is; the error says what is wrong with it.
func Status(ctx context.Context, checkout Checkout, out io.Writer) error {
	there, r, err := find()
	if err != nil {
		return err
	}
	if r == nil || !there.alive {
		if there.remains {
			return errors.New("the cluster has died; `make cluster-up` makes a new one, `make cluster-down` clears it away")
		}
		return errors.New("there is no cluster; `make cluster-up` makes one")
	}
	var text strings.Builder
	fmt.Fprintf(&text, "cluster of %s, up since %s\n", r.Checkout, r.Started.Format(time.RFC3339))
	if err := describeProcesses(r.Node, &text); err != nil {
		return err
	}
	sick, err := describeHealth(ctx, &text)
	if err != nil {
		return err
	}
	describePlaces(r, checkout, &text)
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if sick > 0 {
		return fmt.Errorf("%d of the cluster's conditions do not hold", sick)
	}
	return nil
}

func describeProcesses(first machine.Process, text *strings.Builder) error {
	processes, err := node.Processes()
	if err != nil {
		return err
	}
	inside, err := machine.Inside(first)
	if err != nil {
		return err
	}
	const format = "%-25s%-9s%-10v%s\n"
	fmt.Fprintf(text, format, "PROCESS", "PID", "RESTARTS", "LAST EXIT")
	for _, p := range processes {
		pid := "-"
		if host, ok := inside[p.PID]; ok && p.PID != 0 {
			pid = fmt.Sprint(host)
		}
		fmt.Fprintf(text, format, p.Name, pid, p.Restarts, p.LastExit)
	}
	return nil
}

// describeHealth returns how many conditions do not hold.
func describeHealth(ctx context.Context, text *strings.Builder) (int, error) {
	client, err := api.New(spec.State("pki"))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	sick := 0
	for _, c := range append([]condition{registryServes(client), apiServerReady(client)}, conditions(client)...) {
		if err := c.holds(ctx); err != nil {
			sick++
			fmt.Fprintf(text, "NOT OK  waiting for %s: %v\n        log: %s\n", c.what, err, spec.State("log", c.component+".log"))
		} else {
			fmt.Fprintf(text, "ok      %s\n", c.done)
		}
	}
	return sick, nil
}

func describePlaces(r *record, checkout Checkout, text *strings.Builder) {
	kubeconfig := checkout.Kubeconfig()
	if r.Checkout != string(checkout) {
		kubeconfig = Checkout(r.Checkout).Kubeconfig() + " (this checkout has none: `make cluster-up` would replace the cluster)"
	}
	for _, line := range [][2]string{
		{"kubeconfig", kubeconfig},
		{"API server", spec.APIServer},
		{"registry", spec.Registry + ", with the CA in " + Checkout(r.Checkout).path(".cluster", "ca.crt")},
		{"", "docker.io/library/centos:7 and busybox:1.37 are stand-ins there: Debian's shell"},
		{"logs", spec.State("log")},
		{"inside", fmt.Sprintf("nsenter --target %d --all", r.Node.PID)},
	} {
		fmt.Fprintf(text, "%-12s %s\n", line[0], line[1])
	}
}
