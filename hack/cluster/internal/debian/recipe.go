// Package debian builds images for tests from Debian packages: it resolves and
// downloads them with the machine's apt, and lays their files out without
// running any of their scripts, so that it needs neither root nor a chroot.
//
// mmdebstrap (--variant=extract) was tried in its place. It can't leave out a
// dependency, such as LLVM and Perl, so that an image has three times the size;
// it neither records the packages' versions nor takes over the machine's
// settings of apt; and the system files below would remain.
package debian

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

// format is raised with every change of how a recipe becomes an image: images
// are cached by it.
const format = 2

// Recipe is what an image is built from.
type Recipe struct {
	Name string
	// Suite is the Debian release whose packages are used; the machine's own where it is empty.
	Suite string
	// Packages are installed with all that they depend on, but for Without.
	Packages []string
	// Without are patterns of packages whose programs or libraries the image's own
	// programs do not call: they serve the packages' installation scripts.
	Without []string
	// Drop are paths, with all below them, that are left out.
	Drop []string
	// Locales are compiled for the image, beside C.UTF-8.
	Locales []string
	// User is the numeric ID of the image's user, which is called UserName.
	User     int
	UserName string
	// Folders belong to that user; the first is its home.
	Folders []string
	Env     []string
	Cmd     []string
}

// Recipes are the images for tests.
var Recipes = []Recipe{Shell, Postgres(15, ""), Postgres(17, "trixie"), Postgres(18, "forky"), Exporter}

// searchPath is the search path of every image.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// installers are what only the packages' installation scripts call.
var installers = []string{
	"adduser", "debconf", "debianutils", "dpkg", "init-system-helpers", "libfile-find-rule-perl", "libgdbm*",
	"libnumber-compare-perl", "libperl*", "libsystemd-shared", "libtext-*-perl", "login.defs", "lsb-base", "passwd", "perl*",
	"sensible-utils", "systemd", "sysvinit-utils", "ucf", "usrmerge",
}

// documents are what nobody reads in a container.
var documents = []string{
	"usr/share/bash-completion", "usr/share/bug", "usr/share/doc", "usr/share/doc-base", "usr/share/i18n",
	"usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man", "usr/share/menu",
}

// Shell has a shell and what is usually called from one.
var Shell = Recipe{
	Name:     "shell",
	Packages: []string{"bash", "base-files", "coreutils", "dash", "findutils", "grep", "gzip", "hostname", "libc-bin", "mawk", "netbase", "procps", "sed", "tar"},
	Without:  installers,
	Drop:     documents,
	Env:      []string{"PATH=" + searchPath},
	Cmd:      []string{"sh"},
}

// Exporter has postgres_exporter.
var Exporter = Recipe{
	Name:     "exporter",
	Packages: []string{"prometheus-postgres-exporter", "base-files", "netbase"},
	Without:  append([]string{"daemon", "systemd-sysv"}, installers...),
	Drop:     documents,
	Env:      []string{"PATH=" + searchPath},
	Cmd:      []string{"prometheus-postgres-exporter"},
}

// Key identifies what a recipe makes, for a cache: not the versions of its
// packages, which need apt and its lists to be known. They are in the image's
// labels.
func (r Recipe) Key(architecture string) (string, error) {
	data, err := json.Marshal(struct {
		Recipe
		Format       int
		Architecture string
	}{r, format, architecture})
	if err != nil {
		return "", fmt.Errorf("encode the recipe of %s: %w", r.Name, err)
	}
	sum := sha256.Sum256(data)
	return r.Name + "-" + hex.EncodeToString(sum[:8]), nil
}

func (r Recipe) config(packages []pkg) image.Config {
	config := image.Config{Env: r.Env, Cmd: r.Cmd, Labels: map[string]string{}}
	if r.User != 0 {
		config.User = fmt.Sprint(r.User)
	}
	for _, p := range packages {
		config.Labels["org.debian.package."+p.name] = p.version
	}
	return config
}
