package machine

import "golang.org/x/sys/unix"

// MayRaiseLimits is whether this process has CAP_SYS_RESOURCE and hands it
// down. Root in a small virtual machine or a container may lack it.
func MayRaiseLimits() bool {
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_RESOURCE, 0, 0, 0)
	return err == nil && has == 1
}
