package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// linkName is the node's end of the veth pair, which the machine's side makes.
const linkName = "eth0"

const linkLimit = 20 * time.Second

// settings are those of the node's network namespace alone.
var settings = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/bridge/bridge-nf-call-iptables": "1",
	"net/ipv6/conf/all/disable_ipv6":     "1",
	"net/ipv6/conf/default/disable_ipv6": "1",
	// A pod that tries address after address gets an answer for each that can't be
	// reached, rather than for one a second.
	"net/ipv4/icmp_ratelimit": "0",
}

func setUpNetwork() error {
	for deadline := time.Now().Add(linkLimit); ; time.Sleep(10 * time.Millisecond) {
		if _, err := net.InterfaceByName(linkName); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for the link %s", linkLimit, linkName)
		}
	}
	for _, command := range []string{
		"link set lo up",
		fmt.Sprintf("addr add %s/%d dev %s", spec.NodeIP, spec.PrefixLen, linkName),
		"link set " + linkName + " up",
		// A connection to a service address is routed first and only then
		// redirected to a pod; the gateway itself never sees a packet.
		fmt.Sprintf("route add %s via %s", spec.ServiceCIDR, spec.HostIP),
		// Nothing else can be reached: say so at once, rather than let every
		// caller wait for an answer.
		"route add unreachable default",
	} {
		if err := machine.IP(command); err != nil {
			return err
		}
	}
	for key, value := range settings {
		err := os.WriteFile("/proc/sys/"+key, []byte(value), 0)
		// Without IPv6, or bridge filtering, there is nothing to set.
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("set %s: %w", key, err)
		}
	}
	return nil
}
