//go:build linux

// Command cluster runs a real single-node Kubernetes cluster on a bare Linux
// machine, for development and tests. See README.md beside it.
//
// The programs that it runs must be in the checkout's bin folder. Each is built
// by `go build` in a module of this repository (all with CGO_ENABLED=0 but runc):
//
//	tools/node  ./cmd/kube                                                    bin/kube  (with the version in -ldflags, see below)
//	tools/node  ./cmd/addons                                                  bin/addons
//	tools/node  ./cmd/pause                                                   bin/pause
//	tools/node  github.com/containerd/containerd/v2/cmd/containerd            bin/containerd               -tags no_btrfs,no_zfs,no_devmapper
//	tools/node  github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2  bin/containerd-shim-runc-v2  -tags no_btrfs,no_zfs,no_devmapper
//	tools/node  github.com/opencontainers/runc                                bin/runc                     -tags seccomp, CGO_ENABLED=1
//	hack/cluster  .                                                           bin/cluster
//	hack/cluster  ./cmd/image                                                 bin/image
//
// kube wants -ldflags "-X k8s.io/component-base/version.gitVersion=v1.x.y", and
// gitMajor and gitMinor, of the k8s.io/kubernetes that it is built from: without
// them the API server says that it is v0.0.0, and operators refuse it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/cluster"
	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/progress"
	"example.com/cnat-operator/hack/cluster/internal/registry"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

const usage = `usage: cluster COMMAND

  deps                 install the Debian packages that the cluster is built with and runs on
  up                   bring the cluster up; does nothing where it is up
  down                 remove the cluster, with all that it left on the machine
  status               report how it is; exit status 1 where something is wrong
  verify               run a pod and try what users of a cluster count on
  load IMAGE           copy an image into the local registry
  load ARCHIVE [NAME]  the same for an OCI or docker archive
  restart PROCESS      kill one of the node's processes, which is then started again
  pause PROCESS        stop one of them as if the machine had no time for it
  resume PROCESS       let it go on
  registry             print the local registry's address
  kubeconfig           print the kubeconfig's path
`

// lockLimit is how long a command waits for another: about as long as `up` takes
// where nothing is cached.
const lockLimit = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	command, args := args[0], args[1:]
	switch command { // those that need neither root nor a checkout
	case "-h", "--help", "help":
		_, err := io.WriteString(os.Stdout, usage)
		return err
	case "registry":
		fmt.Println(spec.Registry)
		return nil
	case "node": // the node's first process; see package node
		if len(args) != 1 {
			return fmt.Errorf("node takes the file of its plan")
		}
		return node.Run(args[0])
	case "serve-registry": // a process of the node
		return serveRegistry(ctx)
	}
	checkout, err := cluster.FindCheckout(os.Args[0])
	if err != nil {
		return err
	}
	if command == "kubeconfig" {
		fmt.Println(checkout.Kubeconfig())
		return nil
	}
	if err := machine.CheckUser(); err != nil {
		return err
	}
	return manage(ctx, checkout, command, args)
}

// manage runs the commands on the machine's cluster.
func manage(ctx context.Context, checkout cluster.Checkout, command string, args []string) error {
	out := progress.New(os.Stdout)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch command {
	case "deps":
		return machine.InstallPackages(ctx, out.Step)
	case "status":
		return cluster.Status(ctx, checkout, os.Stdout)
	case "up", "down":
		unlock, err := machine.Lock(ctx, "cnat-cluster", lockLimit, func() { out.Step("waiting for another command on the cluster to end") })
		if err != nil {
			return err
		}
		defer unlock()
		if command == "down" {
			return cluster.Down(checkout, out)
		}
		if err := machine.InstallPackages(ctx, out.Step); err != nil {
			return err
		}
		return cluster.Up(ctx, checkout, out)
	case "verify":
		return cluster.Verify(ctx, checkout, out)
	case "load":
		if len(args) < 1 || len(args) > 2 {
			return fmt.Errorf("load takes an image, or an archive and a name\n%s", usage)
		}
		return cluster.Load(ctx, arg(0), arg(1), out)
	case "restart":
		if len(args) != 1 {
			return fmt.Errorf("restart takes the name of a process that `status` shows")
		}
		return cluster.Restart(ctx, arg(0), out)
	case "pause":
		return cluster.Pause(arg(0), out)
	case "resume":
		return cluster.Resume(arg(0), out)
	default:
		return fmt.Errorf("no command %q\n%s", command, usage)
	}
}

func serveRegistry(ctx context.Context) error {
	server, err := registry.New(spec.State("registry"))
	if err != nil {
		return err
	}
	return server.Serve(ctx, spec.Registry, spec.State("pki", "server.crt"), spec.State("pki", "server.key"))
}
