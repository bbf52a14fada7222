package cluster

import (
	"context"
	"fmt"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/api"
	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/progress"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// healLimit is how long a cluster that should be up may take to become healthy
// again by itself.
const healLimit = time.Minute

// Up brings the cluster up: it does nothing where it is up already, and clears
// away what is in the way.
func Up(ctx context.Context, checkout Checkout, out *progress.Printer) error {
	plan, fingerprint, err := checkout.plan()
	if err != nil {
		return err
	}
	archives, err := checkout.archives(ctx, out)
	if err != nil {
		return err
	}
	there, r, err := find()
	if err != nil {
		return err
	}
	what, reason := decide(there, string(checkout), fingerprint)
	if what == keep {
		err := heal(ctx, r)
		if err == nil {
			out.Step("the cluster is up already: %s", summary())
			return checkout.adopt()
		}
		if ctx.Err() != nil {
			return err
		}
		what, reason = replace, fmt.Sprintf("the cluster does not recover: %v", err)
	}
	if what == replace {
		out.Step("%s: removing it", reason)
		if err := remove(r, out); err != nil {
			return err
		}
	}
	if err := bringUp(ctx, checkout, plan, fingerprint, archives, out); err != nil {
		return err
	}
	out.Step("the cluster is up: %s", summary())
	return nil
}

// find reads what is on the machine.
func find() (found, *record, error) {
	r, err := readRecord()
	if err != nil {
		return found{}, nil, err
	}
	there, err := remains()
	if err != nil {
		return found{}, nil, err
	}
	return found{record: r, alive: r != nil && r.Node.Alive(), remains: there}, r, nil
}

// heal waits until a running cluster is healthy; mostly it is.
func heal(ctx context.Context, r *record) error {
	client, err := api.New(spec.State("pki"))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, healLimit)
	defer cancel()
	for _, c := range append([]condition{registryServes(client), apiServerReady(client)}, conditions(client)...) {
		if err := wait(ctx, r.Node, c); err != nil {
			return err
		}
	}
	return nil
}

func bringUp(ctx context.Context, checkout Checkout, plan node.Plan, fingerprint string, archives map[string]string, out *progress.Printer) error {
	if other, err := machine.AddressInUse(); err != nil {
		return err
	} else if other != "" {
		return fmt.Errorf("the cluster needs %s and %s, but this machine uses %s", spec.HostIP, spec.NodeIP, other)
	}
	r, err := start(checkout, plan, fingerprint)
	if err != nil {
		return err
	}
	out.Step("the node has started, process %d; logs are in %s", r.Node.PID, spec.State("log"))
	client, err := api.New(spec.State("pki"))
	if err != nil {
		return err
	}
	defer client.Close()

	pushed := make(chan error, 1) // beside the start of the API server, which takes as long
	go func() { pushed <- pushImages(ctx, client, r, archives, out) }()
	if err := waitFor(ctx, r, apiServerReady(client), out); err != nil {
		return err
	}
	if err := <-pushed; err != nil {
		return err
	}
	if err := checkout.apply(ctx); err != nil {
		return err
	}
	out.Step("the add-ons are applied")
	for _, c := range conditions(client) {
		if err := waitFor(ctx, r, c, out); err != nil {
			return err
		}
	}
	r.Complete = true
	if err := r.write(); err != nil {
		return err
	}
	return checkout.adopt()
}

func pushImages(ctx context.Context, client *api.Client, r *record, archives map[string]string, out *progress.Printer) error {
	if err := waitFor(ctx, r, registryServes(client), out); err != nil {
		return err
	}
	if err := push(ctx, archives); err != nil {
		return err
	}
	out.Step("the images are pushed")
	return nil
}

func waitFor(ctx context.Context, r *record, c condition, out *progress.Printer) error {
	if err := wait(ctx, r.Node, c); err != nil {
		return err
	}
	out.Step("%s", c.done)
	return nil
}

func summary() string {
	return fmt.Sprintf("API server %s, image registry %s", spec.APIServer, spec.Registry)
}
