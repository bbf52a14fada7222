package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/pki"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// start writes all that the node needs into an empty state folder and starts it.
// It returns when the node is connected; nothing is healthy by then.
func start(checkout Checkout, plan node.Plan, fingerprint string) (*record, error) {
	if err := writeState(plan); err != nil {
		return nil, err
	}
	first, err := startNode(spec.State("bin", "cluster"))
	if err != nil {
		return nil, err
	}
	r := &record{Node: first, Checkout: string(checkout), Fingerprint: fingerprint, Started: time.Now().UTC()}
	if err := r.write(); err != nil {
		return nil, err
	}
	if err := machine.Connect(first.PID); err != nil {
		return nil, explain("node", fmt.Errorf("connect the node: %w", err))
	}
	return r, nil
}

func planFile() string     { return spec.State("plan.json") }
func settingsFile() string { return spec.State("kernel-settings.json") }

func writeState(plan node.Plan) error {
	for _, dir := range []string{"bin", "containerd", "etcd", "kubelet", "log", "pki", "registry", "volumes"} {
		if err := os.MkdirAll(spec.State(dir), 0o755); err != nil {
			return fmt.Errorf("make the state folder: %w", err)
		}
	}
	if err := os.Chmod(spec.State("etcd"), 0o700); err != nil { // etcd insists
		return err
	}
	for name, path := range plan.Binaries {
		if err := linkOrCopy(path, filepath.Join(node.BinDir, name)); err != nil {
			return fmt.Errorf("put %s into the state folder: %w", name, err)
		}
	}
	if err := machine.SaveSettings(settingsFile()); err != nil {
		return err
	}
	certificates, err := pki.Files(time.Now())
	if err != nil {
		return fmt.Errorf("make the certificates: %w", err)
	}
	for name, data := range certificates {
		if err := writeFile(spec.State("pki", name), data, 0o600); err != nil {
			return err
		}
	}
	for name, data := range plan.Files {
		if err := writeFile(spec.State(name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	return writeFile(planFile(), data, 0o644)
}

// linkOrCopy gives a file a second name, or makes a copy where that would be on
// another file system.
func linkOrCopy(source, target string) error {
	if os.Link(source, target) == nil {
		return nil
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// startNode starts the node's first process, which outlives this one.
func startNode(program string) (machine.Process, error) {
	out, err := os.OpenFile(spec.State("log", "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return machine.Process{}, fmt.Errorf("open the node's log: %w", err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Cmd{
		Path:   program,
		Args:   []string{initName, "node", planFile()},
		Dir:    "/",
		Env:    append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin"),
		Stdout: out, Stderr: out,
		SysProcAttr: &syscall.SysProcAttr{Cloneflags: node.Namespaces, Setsid: true},
	}
	// What this command was started with, such as a lock of `flock`, is not the node's to keep.
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return machine.Process{}, fmt.Errorf("list the open files: %w", err)
	}
	for _, file := range files {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	if err := cmd.Start(); err != nil {
		return machine.Process{}, fmt.Errorf("start the node's first process: %w", err)
	}
	// Collected here should it die while this command runs; it is seen as dead.
	go func() { _ = cmd.Wait() }()
	first, err := machine.Identify(cmd.Process.Pid)
	if err != nil {
		return machine.Process{}, explain("node", fmt.Errorf("the node's first process ended at once: %w", err))
	}
	return first, nil
}
