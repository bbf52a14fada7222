package cluster

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/cnat-operator/hack/cluster/internal/debian"
	"example.com/cnat-operator/hack/cluster/internal/image"
	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/progress"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// names are what each image is called in the local registry. Every registry's
// names lead there (see hosts.toml), so that library/busybox:1.37 answers for
// docker.io/library/busybox:1.37.
//
// centos:7, busybox:1.37 and postgres-exporter:v0.18.1 are stand-ins: this
// project's examples and its OLM bundle name them, a bare machine can't pull
// them, and of the first two no more is called than a shell, echo and sleep. On a
// connected cluster the real ones are pulled.
var names = map[string][]string{
	"addons":      {"addons:latest"},
	"pause":       {"pause:latest"},
	"shell":       {"shell:latest", "library/centos:7", "library/busybox:1.37"},
	"postgres-15": {"postgres:15", "library/postgres:15"},
	"postgres-17": {"postgres:17", "library/postgres:17"},
	"postgres-18": {"postgres:18", "library/postgres:18"},
	"exporter":    {"postgres-exporter:latest", "prometheuscommunity/postgres-exporter:v0.18.1"},
}

// archives builds the images that are not in the user's cache yet, and returns
// the archive of each.
func (c Checkout) archives(ctx context.Context, out *progress.Printer) (map[string]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the user's cache folder: %w", err)
	}
	dir := filepath.Join(cache, "cnat-operator", "images")
	archives := map[string]string{}
	ensure := func(name, key string, build func() (v1.Image, error)) error {
		archives[name] = filepath.Join(dir, key+".tar")
		if _, err := os.Stat(archives[name]); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		out.Step("building the image %s", name)
		img, err := build()
		if err == nil {
			err = image.WriteArchive(archives[name], name, []v1.Image{img})
		}
		if err != nil {
			return fmt.Errorf("build the image %s: %w", name, err)
		}
		return nil
	}
	for _, recipe := range debian.Recipes {
		key, err := recipe.Key(runtime.GOARCH)
		if err != nil {
			return nil, err
		}
		if err := ensure(recipe.Name, key, func() (v1.Image, error) { return debianImage(ctx, recipe, out) }); err != nil {
			return nil, err
		}
	}
	programs, err := c.binaries("addons", "pause")
	if err != nil {
		return nil, err
	}
	for name, path := range programs {
		id, err := buildID(path)
		if err != nil {
			return nil, fmt.Errorf("identify %s: %w", path, err)
		}
		sum := sha256.Sum256([]byte(id))
		key := name + "-" + hex.EncodeToString(sum[:8])
		if err := ensure(name, key, func() (v1.Image, error) { return programImage(name, path) }); err != nil {
			return nil, err
		}
	}
	return archives, nil
}

// debianImage builds a recipe, a second time with new package lists where the
// machine's are missing or name packages that the mirror no longer has.
func debianImage(ctx context.Context, recipe debian.Recipe, out *progress.Printer) (v1.Image, error) {
	img, err := debian.Build(ctx, recipe)
	if err == nil || ctx.Err() != nil {
		return img, err
	}
	if updateErr := machine.UpdateLists(ctx, out.Step); updateErr != nil {
		return nil, errors.Join(err, updateErr)
	}
	return debian.Build(ctx, recipe)
}

// programImage holds one static program and nothing else.
func programImage(name, path string) (v1.Image, error) {
	tree := image.Tree{}
	tree.Add(name, image.Entry{Type: tar.TypeReg, Mode: 0o755, Source: path})
	config := image.Config{User: "65535:65535", Entrypoint: []string{"/" + name}}
	return image.Build(tree, config, platform())
}

// push pushes the images to the local registry.
func push(ctx context.Context, archives map[string]string) error {
	for name, archive := range archives {
		var references []string
		for _, n := range names[name] {
			references = append(references, spec.Registry+"/"+n)
		}
		if _, err := image.PushArchive(ctx, archive, localRegistry(), references...); err != nil {
			return err
		}
	}
	return nil
}

func localRegistry() image.Registry {
	return image.Registry{CAFile: spec.State("pki", "ca.crt")}
}

// platform is the node's, which is this machine's.
func platform() v1.Platform {
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
}
