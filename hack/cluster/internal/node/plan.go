// Package node is the node from within: what runs on it, with which
// configuration, and the process that starts it all and keeps it running.
package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// BinDir holds the node's binaries: its own copies, so that a checkout whose bin
// folder is cleared does not break the running cluster.
var BinDir = spec.State("bin")

// Folders as the node's processes see them.
const (
	// cniDir is where Debian puts the CNI plugins.
	cniDir = "/usr/lib/cni"
	// VolumesDir holds the persistent volumes.
	VolumesDir = "/var/lib/volumes"
)

// Binaries are the programs that the node needs out of a checkout's bin folder.
var Binaries = []string{"kube", "containerd", "containerd-shim-runc-v2", "runc", "cluster"}

// Machine is what the node must know of the machine it runs on.
type Machine struct {
	// RestrictOOMScore: there is no CAP_SYS_RESOURCE, so that no process can be
	// made less likely to be killed than its parent.
	RestrictOOMScore bool
	// BridgeNetfilter: frames that cross a bridge pass iptables.
	BridgeNetfilter bool
}

// Plan is everything that makes one cluster differ from another.
type Plan struct {
	// Binaries maps names to the paths of the checkout's files.
	Binaries map[string]string
	// Folders maps folders of the node's own /var to those in the state folder
	// that are bound there.
	Folders map[string]string
	// Files are configuration files, by path below the state folder.
	Files map[string]string
	// Components are the processes, in the order in which they start.
	Components []Component
}

// Component is a process of the node.
type Component struct {
	Name string
	Args []string
	// AfterAPIServer: it would exit, or lose time in retries, were it started
	// before the API server is ready.
	AfterAPIServer bool
}

// NewPlan makes the plan for a machine and a set of binaries.
func NewPlan(machine Machine, binaries map[string]string) (Plan, error) {
	files, err := configFiles(machine)
	if err != nil {
		return Plan{}, err
	}
	return Plan{
		Binaries: binaries,
		Folders: map[string]string{
			"/var/lib/containerd": spec.State("containerd"),
			"/var/lib/kubelet":    spec.State("kubelet"),
			VolumesDir:            spec.State("volumes"),
			"/var/log":            spec.State("log"),
		},
		Files:      files,
		Components: components(),
	}, nil
}

// Fingerprint identifies the plan and the content of its binaries: a cluster of
// another fingerprint is not the one that is wanted. Where the binaries lie does
// not matter.
func (p Plan) Fingerprint(buildID func(path string) (string, error)) (string, error) {
	ids := map[string]string{}
	for name, path := range p.Binaries {
		id, err := buildID(path)
		if err != nil {
			return "", fmt.Errorf("identify %s: %w", path, err)
		}
		ids[name] = id
	}
	p.Binaries = ids
	data, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode the plan: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}
