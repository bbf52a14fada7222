// Package controlplane starts a control plane for the benchmarks: an API server with etcd and whichever of Kubernetes'
// own controllers are wanted, on loopback.
package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Plane is a control plane that runs.
type Plane struct {
	// Config is an administrator's, without a rate limit of the client's own, and Kubeconfig a file with the same.
	Config     *rest.Config
	Kubeconfig string

	bin, folder string
	environment *envtest.Environment
	processes   []*Process
}

// Start starts an API server that knows the project's CRDs and those of the given files, with the binaries in the
// folder bin. Logs and kubeconfigs go to the other folder, and the flags are added to the API server's.
func Start(bin, folder string, crds []string, flags map[string]string) (*Plane, error) {
	p := &Plane{
		bin: bin, folder: folder,
		environment: &envtest.Environment{
			BinaryAssetsDirectory: bin,
			CRDDirectoryPaths:     append([]string{filepath.Join("config", "crd", "bases")}, crds...),
			ErrorIfCRDPathMissing: true,
		},
	}
	arguments := p.environment.ControlPlane.GetAPIServer().Configure()
	for flag, value := range flags {
		arguments.Set(flag, value)
	}
	if err := p.start(); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Plane) start() error {
	var config *rest.Config
	err := withMemory(func() (err error) {
		config, err = p.environment.Start()
		return err
	})
	if err != nil {
		return fmt.Errorf("starting the API server (`make envtest-bin` builds it): %w", err)
	}
	p.Config = config
	p.Config.QPS = -1
	p.Kubeconfig, err = p.AddUser("bench")
	return err
}

// gcPercent is the control plane's GOGC. It shares the machine's cores with the operator that is measured, and is given
// memory for CPU time.
const gcPercent = "400"

// withMemory starts a part of the control plane with its GOGC.
func withMemory(start func() error) error {
	was, set := os.LookupEnv("GOGC")
	if err := os.Setenv("GOGC", gcPercent); err != nil {
		return err
	}
	err := start()
	if set {
		return errors.Join(err, os.Setenv("GOGC", was))
	}
	return errors.Join(err, os.Unsetenv("GOGC"))
}

// AddUser returns a kubeconfig for an administrator of the given name.
func (p *Plane) AddUser(name string) (string, error) {
	user, err := p.environment.AddUser(envtest.User{Name: name, Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return "", fmt.Errorf("adding user %s: %w", name, err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return "", fmt.Errorf("writing a kubeconfig: %w", err)
	}
	file := filepath.Join(p.folder, "kubeconfig-"+name)
	return file, os.WriteFile(file, kubeconfig, 0o600)
}

// Run starts a program of the folder bin, which ends with the control plane.
func (p *Plane) Run(name string, args ...string) error { return p.run(name, name, args...) }

// RunKube starts a command of Kubernetes with Kubernetes' own settings, but alone and without a port.
func (p *Plane) RunKube(name string, args ...string) error {
	return p.run(name, "kube", append([]string{
		name, "--kubeconfig=" + p.Kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
	}, args...)...)
}

func (p *Plane) run(name, program string, args ...string) error {
	return withMemory(func() error {
		process, err := StartProcess(filepath.Join(p.folder, name+".log"), filepath.Join(p.bin, program), args...)
		if err == nil {
			p.processes = append(p.processes, process)
		}
		return err
	})
}

// Stop stops all of it. Of no control plane there is nothing to stop.
func (p *Plane) Stop() error {
	if p == nil {
		return nil
	}
	for _, process := range slices.Backward(p.processes) {
		process.Stop()
	}
	return p.environment.Stop()
}
