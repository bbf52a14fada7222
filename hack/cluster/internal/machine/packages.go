package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Packages are the Debian packages that the cluster is built with and runs on.
var Packages = []string{
	"containernetworking-plugins",                      // the CNI plugins
	"gcc", "libc6-dev", "libseccomp-dev", "pkg-config", // to compile runc
	"iproute2", "iptables", // for the node's network
}

const installLimit = 10 * time.Minute

// CheckUser returns why the cluster can't run here, whatever is installed.
func CheckUser() error {
	return checkUser(runtime.GOOS, os.Geteuid())
}

const otherCluster = "or set CLUSTER=existing to use a cluster that you have"

func checkUser(goos string, uid int) error {
	if goos != "linux" {
		return fmt.Errorf("the cluster needs Linux, and this is %s: run it in a Debian 12 machine, %s", goos, otherCluster)
	}
	if uid != 0 {
		return fmt.Errorf("the cluster needs root for its namespaces, mounts and cgroups: use sudo, %s", otherCluster)
	}
	return nil
}

// InstallPackages installs those packages that are missing; step reports it.
func InstallPackages(ctx context.Context, step func(string, ...any)) error {
	missing, err := missingPackages(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	step("installing Debian packages: %s", strings.Join(missing, " "))
	if err := aptInstall(ctx, missing); err != nil {
		// The lists may be missing, or older than the mirror.
		if err := UpdateLists(ctx, step); err != nil {
			return err
		}
		if err := aptInstall(ctx, missing); err != nil {
			return fmt.Errorf("%w\ninstall them by hand: apt-get install %s", err, strings.Join(missing, " "))
		}
	}
	step("Debian packages are installed")
	return nil
}

// UpdateLists fetches the lists of what the mirror has.
func UpdateLists(ctx context.Context, step func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	step("fetching the lists of Debian packages")
	return aptGet(ctx, "update")
}

func missingPackages(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		return nil, fmt.Errorf("the cluster needs Debian packages and this is no Debian: run it in a Debian 12 machine, %s", otherCluster)
	}
	// It fails where it does not know a package, and prints the others.
	out, err := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, Packages...)...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("ask dpkg for the packages: %w", err)
	}
	return notInstalled(Packages, string(out)), nil
}

// notInstalled reads lines of "NAME STATUS".
func notInstalled(wanted []string, status string) []string {
	lines := strings.Split(status, "\n")
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
		return slices.Contains(lines, name+" installed")
	})
}

func aptInstall(ctx context.Context, packages []string) error {
	return aptGet(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}

func aptGet(ctx context.Context, args ...string) error {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s (limit %s): %w\n%s", strings.Join(args, " "), installLimit, err, lastLines(output.String(), 5))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
