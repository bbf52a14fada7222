// Package spec has the cluster's fixed points: its addresses, its names and
// the folders it keeps on the machine. There is one cluster a machine, since
// the addresses are fixed; that keeps kubeconfigs, manifests and image names the
// same on every machine.
package spec

import (
	"net"
	"path/filepath"
	"strconv"
)

// Addresses of the node, which lives in a network namespace of its own at the
// other end of a veth pair, and of what runs in it.
const (
	// Link is the machine's end of the veth pair.
	Link = "cnat0"
	// HostIP is the machine's address on Link.
	HostIP = "10.99.0.1"
	// NodeIP is the node's address, the one name of API server and registry
	// for the machine, for the node and for pods.
	NodeIP = "10.99.0.2"
	// PrefixLen belongs to HostIP and NodeIP.
	PrefixLen = 24

	// ClusterCIDR holds all pods; PodCIDR those of the one node.
	ClusterCIDR = "10.244.0.0/16"
	PodCIDR     = "10.244.0.0/24"
	// ServiceCIDR holds the service addresses; the first is the API server's.
	ServiceCIDR = "10.96.0.0/16"
	ServiceIP   = "10.96.0.1"
	DNSIP       = "10.96.0.10"

	// Domain is the DNS domain of services and pods.
	Domain = "cluster.local"
	// NodeName is the Node object's name.
	NodeName = "node"
)

// Ports on NodeIP.
const (
	APIServerPort         = 6443
	RegistryPort          = 5000
	KubeletPort           = 10250
	ControllerManagerPort = 10257
	SchedulerPort         = 10259
	ProxyHealthPort       = 10256
)

// StateDir has everything that the cluster keeps on the machine. It is
// machine-wide because the cluster is: a checkout can be deleted, or a second
// one created, while the cluster runs.
const StateDir = "/var/lib/cnat-cluster"

// Cgroup is the cgroup, in each hierarchy, that holds the node and its pods.
const Cgroup = "cnat-cluster"

// Registry is the local registry's name, from everywhere.
var Registry = Address(RegistryPort)

// APIServer is the API server's address.
var APIServer = "https://" + Address(APIServerPort)

// Address is a port of the node as host:port.
func Address(port int) string {
	return net.JoinHostPort(NodeIP, strconv.Itoa(port))
}

// State is a path below the state folder.
func State(elem ...string) string {
	return filepath.Join(append([]string{StateDir}, elem...)...)
}
