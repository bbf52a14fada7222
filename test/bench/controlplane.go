package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// controlPlane is an API server with etcd, and the controllers of CronJobs and
// Jobs, on loopback. There is no node: a Job's pod stays Pending, so that what
// is measured is the control plane's own work.
type controlPlane struct {
	environment *envtest.Environment
	config      *rest.Config
	kubeconfig  string
	controllers *process
}

// startControlPlane starts one with the binaries in the folder bin.
func startControlPlane(bin, folder string) (*controlPlane, error) {
	c := &controlPlane{
		environment: &envtest.Environment{
			BinaryAssetsDirectory: bin,
			CRDDirectoryPaths:     []string{filepath.Join("config", "crd", "bases")},
			ErrorIfCRDPathMissing: true,
		},
		kubeconfig: filepath.Join(folder, "kubeconfig"),
	}
	if err := c.start(bin, folder); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *controlPlane) start(bin, folder string) error {
	var err error
	if c.config, err = c.environment.Start(); err != nil {
		return fmt.Errorf("starting the API server (`make envtest-bin` builds it): %w", err)
	}
	c.config.QPS = -1
	admin, err := c.environment.AddUser(envtest.User{Name: "bench", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return fmt.Errorf("adding a user: %w", err)
	}
	kubeconfig, err := admin.KubeConfig()
	if err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	if err := os.WriteFile(c.kubeconfig, kubeconfig, 0o600); err != nil {
		return err
	}
	// With Kubernetes' own settings, as users have them; among them is the
	// client's rate limit, of 20 requests a second.
	c.controllers, err = startProcess(filepath.Join(folder, "kube-controller-manager.log"), filepath.Join(bin, "kube"),
		"kube-controller-manager", "--kubeconfig="+c.kubeconfig, "--controllers=cronjob-controller,job-controller,garbage-collector-controller",
		"--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0")
	return err
}

func (c *controlPlane) stop() error {
	c.controllers.stop()
	return c.environment.Stop()
}

// process is a child with its output in a file.
type process struct {
	command *exec.Cmd
	log     string
}

func startProcess(log, program string, args ...string) (*process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close() //nolint:errcheck // the child has its own
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return &process{command, log}, nil
}

func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
}
