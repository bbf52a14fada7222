package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/cgroup"
	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/progress"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Limits of what taking down waits for.
const (
	killLimit   = 30 * time.Second
	cgroupLimit = 20 * time.Second
)

// Down removes the cluster, whosever it is and whatever state it is in.
func Down(checkout Checkout, out *progress.Printer) error {
	there, err := remains()
	if err != nil {
		return err
	}
	r, err := readRecord()
	if err != nil {
		return err
	}
	if r != nil && r.Checkout != string(checkout) {
		out.Step("the cluster belongs to %s", r.Checkout)
	}
	if !there {
		out.Step("there is no cluster")
	} else if err := remove(r, out); err != nil {
		return err
	}
	return checkout.disown()
}

// remove removes all traces of a cluster. The order matters: while a process
// runs, mounts, cgroups and files come back.
func remove(r *record, out *progress.Printer) error {
	nodes, err := machine.Called(initName)
	if err != nil {
		return fmt.Errorf("look for the node's processes: %w", err)
	}
	if r != nil {
		nodes = append(nodes, r.Node)
	}
	for _, first := range nodes {
		if err := first.Kill(killLimit); err != nil {
			return fmt.Errorf("end the node: %w", err)
		}
	}
	if len(nodes) > 0 {
		out.Step("the node's processes, mounts and links are removed")
	}
	if err := machine.Disconnect(); err != nil {
		return fmt.Errorf("disconnect the node: %w", err)
	}
	if err := cgroup.Remove(spec.Cgroup, cgroupLimit); err != nil {
		return err
	}
	if err := machine.RestoreSettings(settingsFile()); err != nil {
		return err
	}
	if r != nil {
		if err := Checkout(r.Checkout).disown(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(spec.StateDir); err != nil {
		return fmt.Errorf("remove the cluster's state: %w", err)
	}
	out.Step("its cgroups and its state folder are removed")
	return nil
}

// remains is whether there is anything of a cluster on the machine.
func remains() (bool, error) {
	if _, err := os.Stat(spec.StateDir); !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	if _, err := os.Stat(filepath.Join("/sys/class/net", spec.Link)); err == nil {
		return true, nil
	}
	if nodes, err := machine.Called(initName); err != nil || len(nodes) > 0 {
		return true, err
	}
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return false, err
	}
	for _, h := range hierarchies {
		if _, err := os.Stat(filepath.Join(h.Path, spec.Cgroup)); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// disown removes what adopt has put into the checkout: a kubeconfig of a cluster
// that is deleted only misleads.
func (c Checkout) disown() error {
	if err := os.RemoveAll(c.path(".cluster")); err != nil {
		return fmt.Errorf("remove the cluster's files from the checkout: %w", err)
	}
	return nil
}
