package debian

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is a package of one version.
type pkg struct {
	name, version string
	file          string // as apt names it when it downloads
}

// apt calls apt-get as though nothing were installed, so that it names all that
// an empty machine would need: with the machine's package lists, or with those of
// another Debian release.
type apt struct {
	dir     string   // a temporary folder
	options []string // where the lists of another release are
}

// newAPT fetches the lists of another release from the mirror that the machine has
// its own from.
func newAPT(ctx context.Context, dir, suite string) (apt, error) {
	a := apt{dir: dir}
	if suite == "" {
		return a, nil
	}
	out, err := a.get(ctx, "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages")
	if err != nil {
		return a, err
	}
	mirror, err := mirrorOf(string(out))
	if err != nil {
		return a, err
	}
	lists, sources := filepath.Join(dir, "lists"), filepath.Join(dir, "sources.list")
	if err := os.MkdirAll(filepath.Join(lists, "partial"), 0o755); err != nil {
		return a, err
	}
	line := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, suite)
	if err := os.WriteFile(sources, []byte(line), 0o644); err != nil {
		return a, err
	}
	a.options = []string{
		"-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + lists, "-o", "Acquire::Languages=none",
	}
	if _, err := a.get(ctx, "update"); err != nil {
		return a, fmt.Errorf("fetch the package lists of %s: %w", suite, err)
	}
	return a, nil
}

// keyring signs every Debian release: package debian-archive-keyring has it.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// mirrorOf reads lines of "URI ORIGIN LABEL", and returns Debian's own mirror, not
// that of its security updates.
func mirrorOf(targets string) (string, error) {
	for line := range strings.Lines(targets) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[1] == "Debian" && fields[2] == "Debian" {
			return fields[0], nil
		}
	}
	return "", errors.New("apt has no package lists of a Debian mirror")
}

func (a apt) get(ctx context.Context, args ...string) ([]byte, error) {
	status := filepath.Join(a.dir, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "apt-get", slices.Concat([]string{
		"-q", "-y",
		"-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + a.dir,
		"-o", "Debug::NoLocking=1", // nothing of the machine's is written
		"-o", "APT::Install-Recommends=0",
		"-o", "APT::Sandbox::User=", // the other user could not write to our folder
		"-o", "Acquire::Retries=3",
	}, a.options, args)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("apt-get %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// resolve names the packages of a recipe.
func (a apt) resolve(ctx context.Context, r Recipe) ([]pkg, error) {
	out, err := a.get(ctx, append([]string{"install", "--print-uris"}, r.Packages...)...)
	if err != nil {
		return nil, fmt.Errorf("resolve the packages of %s, which are %s's: %w", r.Name, cmp.Or(r.Suite, "Debian 12"), err)
	}
	packages, err := parseURIs(string(out))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(packages, func(p pkg) bool { return r.without(p.name) }), nil
}

func (r Recipe) without(name string) bool {
	return slices.ContainsFunc(r.Without, func(pattern string) bool {
		matches, err := path.Match(pattern, name)
		return err == nil && matches
	})
}

// parseURIs reads lines such as
//
//	'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2_amd64.deb' bash_5.2_amd64.deb 1490652 SHA256:...
func parseURIs(out string) ([]pkg, error) {
	var packages []pkg
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(line, "'") {
			continue
		}
		parts := strings.Split(strings.TrimSuffix(fields[1], ".deb"), "_")
		if len(parts) != 3 {
			return nil, fmt.Errorf("apt-get names a package %q, which is not NAME_VERSION_ARCHITECTURE.deb", fields[1])
		}
		version, err := url.PathUnescape(parts[1])
		if err != nil {
			return nil, fmt.Errorf("version in %q: %w", fields[1], err)
		}
		packages = append(packages, pkg{name: parts[0], version: version, file: fields[1]})
	}
	slices.SortFunc(packages, func(a, b pkg) int { return strings.Compare(a.name, b.name) })
	return packages, nil
}

// download puts the packages into the temporary folder; apt checks their sums.
func (a apt) download(ctx context.Context, packages []pkg) error {
	args := []string{"download"}
	for _, p := range packages {
		args = append(args, p.name+"="+p.version)
	}
	if _, err := a.get(ctx, args...); err != nil {
		return fmt.Errorf("download %d Debian packages: %w", len(packages), err)
	}
	return nil
}
