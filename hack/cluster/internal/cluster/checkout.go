package cluster

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Checkout is a working copy of the project.
type Checkout string

// FindCheckout finds the working copy that a program, called by the name, is
// from; else the one that the current folder is in.
func FindCheckout(program string) (Checkout, error) {
	var starts []string
	if path, err := exec.LookPath(program); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			starts = append(starts, filepath.Dir(path))
		}
	}
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "hack/cluster/go.mod")); err == nil {
				return Checkout(dir), nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("neither %s nor the current folder is in a checkout of the project", program)
}

func (c Checkout) path(elem ...string) string {
	return filepath.Join(append([]string{string(c)}, elem...)...)
}

// binaries are the paths of the node's programs, and of those that go into
// images, where they really lie: bin/ may hold links into a cache.
func (c Checkout) binaries(names ...string) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range names {
		path, err := filepath.EvalSymlinks(c.path("bin", name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing: `make cluster-up` builds it", c.path("bin", name))
		}
		if err != nil {
			return nil, err
		}
		found[name] = path
	}
	return found, nil
}

// plan is what `up` from this checkout would start, with its fingerprint.
func (c Checkout) plan() (node.Plan, string, error) {
	binaries, err := c.binaries(node.Binaries...)
	if err != nil {
		return node.Plan{}, "", err
	}
	plan, err := node.NewPlan(node.Machine{
		RestrictOOMScore: !machine.MayRaiseLimits(),
		BridgeNetfilter:  machine.BridgeNetfilter(),
	}, binaries)
	if err != nil {
		return node.Plan{}, "", err
	}
	fingerprint, err := plan.Fingerprint(buildID)
	return plan, fingerprint, err
}

// buildID reads the ID that the Go linker writes into a program; it is derived
// from all that went into it.
func buildID(path string) (string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	section := file.Section(".note.go.buildid")
	if section == nil {
		return "", errors.New("it is not a Go program")
	}
	note, err := section.Data()
	return string(note), err
}

// adopt puts what clients need into the checkout.
func (c Checkout) adopt() error {
	for name, source := range map[string]string{"kubeconfig": "admin.conf", "ca.crt": "ca.crt"} {
		data, err := os.ReadFile(spec.State("pki", source))
		if err != nil {
			return fmt.Errorf("read the cluster's %s: %w", source, err)
		}
		if err := writeFile(c.path(".cluster", name), data, 0o600); err != nil {
			return err
		}
	}
	logs := c.path(".cluster", "logs")
	if target, err := os.Readlink(logs); err == nil && target == spec.State("log") {
		return nil
	}
	if err := os.RemoveAll(logs); err != nil {
		return fmt.Errorf("remove the old %s: %w", logs, err)
	}
	return os.Symlink(spec.State("log"), logs)
}

// Kubeconfig is where `up` puts the administrator's kubeconfig.
func (c Checkout) Kubeconfig() string { return c.path(".cluster", "kubeconfig") }
