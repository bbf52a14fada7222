package machine

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Connect makes the veth pair to the network namespace of a process.
func Connect(pid int) error {
	for _, command := range []string{
		"link add " + spec.Link + " type veth peer name eth0 netns " + strconv.Itoa(pid),
		fmt.Sprintf("addr add %s/%d dev %s", spec.HostIP, spec.PrefixLen, spec.Link),
		"link set " + spec.Link + " up",
	} {
		if err := IP(command); err != nil {
			return err
		}
	}
	return nil
}

// Disconnect removes the veth pair, where there is one. The kernel does so too,
// some time after the namespace at the other end is deleted.
func Disconnect() error {
	if _, err := net.InterfaceByName(spec.Link); err != nil {
		return nil
	}
	if err := IP("link del " + spec.Link); err != nil {
		if _, missing := net.InterfaceByName(spec.Link); missing != nil {
			return nil // the kernel was quicker
		}
		return err
	}
	return nil
}

// AddressInUse returns which other link of the machine has addresses that the
// cluster needs, if any.
func AddressInUse() (string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list links: %w", err)
	}
	_, needed, err := net.ParseCIDR(fmt.Sprintf("%s/%d", spec.NodeIP, spec.PrefixLen))
	if err != nil {
		return "", err
	}
	for _, link := range links {
		if link.Name == spec.Link {
			continue
		}
		addresses, err := link.Addrs()
		if err != nil {
			return "", fmt.Errorf("list the addresses of %s: %w", link.Name, err)
		}
		for _, address := range addresses {
			if overlaps(needed, address) {
				return fmt.Sprintf("%s on %s", address, link.Name), nil
			}
		}
	}
	return "", nil
}

func overlaps(needed *net.IPNet, address net.Addr) bool {
	network, ok := address.(*net.IPNet)
	return ok && (needed.Contains(network.IP) || network.Contains(needed.IP))
}

// BridgeNetfilter is whether frames that cross a bridge pass iptables. Where
// the kernel module for it is not loaded it stays so: it would change what the
// machine's own bridges do.
func BridgeNetfilter() bool {
	_, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
	return err == nil
}

// IP calls the ip program.
func IP(command string) error {
	var stderr bytes.Buffer
	cmd := exec.Command("ip", strings.Fields(command)...)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
