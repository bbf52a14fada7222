package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

// Build makes a recipe's image for this machine's architecture.
func Build(ctx context.Context, r Recipe) (v1.Image, error) {
	dir, err := os.MkdirTemp("", "debian-image-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	apt, err := newAPT(ctx, dir, r.Suite)
	if err != nil {
		return nil, err
	}
	packages, err := apt.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := apt.download(ctx, packages); err != nil {
		return nil, err
	}
	tree := image.Tree{}
	for _, p := range packages {
		if err := addPackage(ctx, tree, filepath.Join(dir, p.file), r.place); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", p.file, err)
		}
	}
	for _, locale := range r.Locales {
		if err := addLocale(ctx, tree, dir, locale, packages); err != nil {
			return nil, fmt.Errorf("compile the locale %s: %w", locale, err)
		}
	}
	r.addSystem(tree)
	return image.Build(tree, r.config(packages), v1.Platform{OS: "linux", Architecture: runtime.GOARCH})
}

func addPackage(ctx context.Context, tree image.Tree, deb string, place func(string) string) error {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := tree.AddTar(stdout, place); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // the first error is the one that counts
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// merged are the folders that Debian keeps as links into /usr. Its packages still
// name files by either path.
var merged = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// place maps a path in a package to its path in the image, "" where it is left
// out.
func (r Recipe) place(name string) string {
	if name == "." {
		return ""
	}
	for _, drop := range r.Drop {
		if name == drop || strings.HasPrefix(name, drop+"/") {
			return ""
		}
	}
	for _, dir := range merged {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return "usr/" + name
		}
	}
	return name
}

// addLocale compiles a locale from the sources in package locales.
func addLocale(ctx context.Context, tree image.Tree, dir, locale string, packages []pkg) error {
	sources := filepath.Join(dir, "locales")
	for _, p := range packages {
		if p.name != "locales" {
			continue
		}
		if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", filepath.Join(dir, p.file), sources).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", p.file, err, out)
		}
	}
	target := filepath.Join(dir, locale+".utf8")
	cmd := exec.CommandContext(ctx, "localedef", "--no-archive", "-i", locale, "-f", "UTF-8", target)
	cmd.Env = append(os.Environ(), "I18NPATH="+filepath.Join(sources, "usr/share/i18n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("localedef: %w: %s", err, out)
	}
	return tree.AddPath(target, "usr/lib/locale/"+filepath.Base(target), 0o644)
}

// addSystem adds what the packages' installation scripts would have created.
func (r Recipe) addSystem(tree image.Tree) {
	for _, dir := range merged {
		if _, ok := tree["usr/"+dir]; ok {
			// Since Debian 13 base-files has the link, which is then found here.
			tree.Add("usr/"+dir, image.Entry{Type: tar.TypeDir, Mode: 0o755})
			tree.Add(dir, image.Entry{Type: tar.TypeSymlink, Mode: 0o777, Linkname: "usr/" + dir})
		}
	}
	for link, target := range map[string]string{"usr/bin/sh": "dash", "usr/bin/awk": "mawk"} {
		if _, ok := tree["usr/bin/"+target]; ok {
			tree.Add(link, image.Entry{Type: tar.TypeSymlink, Mode: 0o777, Linkname: target})
		}
	}
	tree.Add("tmp", image.Entry{Type: tar.TypeDir, Mode: 0o1777})
	tree.Add("run", image.Entry{Type: tar.TypeDir, Mode: 0o755})
	tree.Add("var/run", image.Entry{Type: tar.TypeSymlink, Mode: 0o777, Linkname: "/run"})
	tree.Add("root", image.Entry{Type: tar.TypeDir, Mode: 0o700})
	passwd := "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	group := "root:x:0:\nnogroup:x:65534:\n"
	if r.User != 0 {
		passwd += fmt.Sprintf("%[1]s:x:%[2]d:%[2]d::/%[3]s:/bin/bash\n", r.UserName, r.User, r.Folders[0])
		group += fmt.Sprintf("%s:x:%d:\n", r.UserName, r.User)
	}
	for name, content := range map[string]string{
		"etc/passwd":        passwd,
		"etc/group":         group,
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	} {
		tree.Add(name, image.Entry{Type: tar.TypeReg, Mode: 0o644, Data: []byte(content)})
	}
	for _, folder := range r.Folders {
		tree.Add(folder, image.Entry{Type: tar.TypeDir, Mode: 0o750, UID: r.User, GID: r.User})
	}
}
