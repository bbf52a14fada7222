package node

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// mountAll makes the node's view of the file system: the machine's, but with a
// /run and a /var/lib of its own. Programs can so keep to their usual paths and
// leave nothing behind.
func mountAll(plan Plan) error {
	// Nothing that is mounted from here on is to reach the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// The machine's /proc does not show this namespace's processes.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	binds := map[string]string{spec.StateDir: spec.StateDir}
	for folder, path := range plan.Folders {
		binds[folder] = path
	}
	// Opened now: after the next mounts these paths name something else.
	sources, err := openAll(binds)
	if err != nil {
		return err
	}
	for _, dir := range []string{"/run", "/var/lib"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs at %s: %w", dir, err)
		}
	}
	for target, source := range sources {
		if err := bind(source, target); err != nil {
			return fmt.Errorf("bind %s to %s: %w", binds[target], target, err)
		}
		_ = source.Close()
	}
	// Volumes with mount propagation want shared mounts. These are shared with
	// nobody but the node's containers.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make mounts shared: %w", err)
	}
	return nil
}

func openAll(binds map[string]string) (map[string]*os.File, error) {
	files := map[string]*os.File{}
	for target, source := range binds {
		fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", source, err)
		}
		files[target] = os.NewFile(uintptr(fd), source)
	}
	return files, nil
}

// bind mounts an open folder.
func bind(source *os.File, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", source.Fd()), target, "", unix.MS_BIND, "")
}
