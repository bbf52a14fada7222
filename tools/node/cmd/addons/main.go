// Command addons is what the cluster itself runs in pods: CoreDNS and the
// provisioner of volumes. Both link client-go, so that one program, and one
// image, is half the size of two.
package main

import (
	"fmt"
	"os"

	"github.com/coredns/coredns/coremain"
	// The plugins that hack/cluster's Corefile names, and no other: all of
	// CoreDNS's would link the clients of three clouds.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	name := os.Args[1]
	os.Args = os.Args[1:] // both take their flags from os.Args
	switch name {
	case "coredns":
		coremain.Run()
	case "provisioner":
		if err := runProvisioner(); err != nil {
			fmt.Fprintln(os.Stderr, "provisioner:", err)
			os.Exit(1)
		}
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: addons coredns|provisioner [flags]")
	os.Exit(2)
}
