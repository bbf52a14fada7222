package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
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
	fmt.Fprintf(out, "cluster of %s, up since %s\n", r.Checkout, r.Started.Format(time.RFC3339))
	if err := printProcesses(r.Node, out); err != nil {
		return err
	}
	client, err := api.New(spec.State("pki"))
	if err != nil {
		return err
	}
	defer client.Close()
	sick := 0
	for _, c := range append([]condition{registryServes(client), apiServerReady(client)}, conditions(client)...) {
		if err := c.holds(ctx); err != nil {
			sick++
			fmt.Fprintf(out, "NOT OK  waiting for %s: %v\n        log: %s\n", c.what, err, spec.State("log", c.component+".log"))
		} else {
			fmt.Fprintf(out, "ok      %s\n", c.done)
		}
	}
	printPlaces(r, checkout, out)
	if sick > 0 {
		return fmt.Errorf("%d of the cluster's conditions do not hold", sick)
	}
	return nil
}

func printProcesses(first machine.Process, out io.Writer) error {
	processes, err := node.Processes()
	if err != nil {
		return err
	}
	inside, err := machine.Inside(first)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROCESS\tPID\tRESTARTS\tLAST EXIT")
	for _, p := range processes {
		pid := "-"
		if host, ok := inside[p.PID]; ok && p.PID != 0 {
			pid = fmt.Sprint(host)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", p.Name, pid, p.Restarts, p.LastExit)
	}
	return table.Flush()
}

func printPlaces(r *record, checkout Checkout, out io.Writer) {
	fmt.Fprintf(out, "API server   %s\n", spec.APIServer)
	fmt.Fprintf(out, "registry     %s, with the CA in %s\n", spec.Registry, checkout.path(".cluster", "ca.crt"))
	fmt.Fprintf(out, "             docker.io/library/centos:7 and busybox:1.37 are stand-ins there: Debian's shell\n")
	fmt.Fprintf(out, "logs         %s\n", spec.State("log"))
	fmt.Fprintf(out, "inside       nsenter --target %d --all\n", r.Node.PID)
	if r.Checkout != string(checkout) {
		fmt.Fprintf(out, "kubeconfig   %s: this checkout has none, `make cluster-up` would replace the cluster\n", Checkout(r.Checkout).Kubeconfig())
		return
	}
	fmt.Fprintf(out, "kubeconfig   %s\n", checkout.Kubeconfig())
}
