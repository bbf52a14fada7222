package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/cnat-operator/hack/cluster/internal/cgroup"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// joinCgroups makes the cluster's cgroup in every hierarchy and moves this
// process into a child of it. Pods get a sibling from the kubelet. Without that
// the node would share the limits, and the end, of the shell or the CI job that
// started it.
func joinCgroups() error {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		system := filepath.Join(h.Path, spec.Cgroup, "system")
		if h.Unified {
			enableControllers(h.Path)
		}
		if err := os.MkdirAll(system, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if h.Unified {
			enableControllers(filepath.Dir(system))
		}
		if h.CPUSet {
			continue // a cpuset must be filled before anything can join; the kubelet fills its own
		}
		if err := os.WriteFile(filepath.Join(system, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("join a cgroup: %w", err)
		}
	}
	return nil
}

// enableControllers hands a unified hierarchy's controllers down one level. Those
// that can't be handed down are not needed, or the kubelet says so better.
func enableControllers(dir string) {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
}
