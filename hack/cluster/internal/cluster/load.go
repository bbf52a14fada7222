package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"example.com/cnat-operator/hack/cluster/internal/image"
	"example.com/cnat-operator/hack/cluster/internal/progress"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Load puts an image into the local registry, under the path that it has
// elsewhere: docker.io/library/postgres:18 becomes REGISTRY/library/postgres:18,
// which is where the node looks when a pod names the former.
//
// The source is an archive (of `image build`, which holds its name, or of `docker
// save`), or the name of an image of a registry that this machine reaches.
func Load(ctx context.Context, source, as string, out *progress.Printer) error {
	r, err := readRecord()
	if err != nil {
		return err
	}
	if r == nil || !r.Node.Alive() {
		return errors.New("there is no cluster to load into; `make cluster-up` makes one")
	}
	_, err = os.Stat(source)
	isArchive := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case as != "":
	case !isArchive:
		as = source
	default:
		if as, err = image.ArchiveName(source); err != nil {
			return fmt.Errorf("name the image, as in `bin/cluster load %s docker.io/library/postgres:18`: %w", source, err)
		}
	}
	target, err := localName(as)
	if err != nil {
		return err
	}
	if isArchive {
		err = loadArchive(ctx, source, target)
	} else {
		err = loadRemote(ctx, source, target)
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", source, err)
	}
	out.Step("%s is in the local registry: pods find it as %s and as %s", source, as, target)
	return nil
}

// localName is an image's name in the local registry.
func localName(image string) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", fmt.Errorf("image name %q: %w", image, err)
	}
	separator := ":"
	if strings.HasPrefix(ref.Identifier(), "sha256:") {
		separator = "@"
	}
	return spec.Registry + "/" + ref.Context().RepositoryStr() + separator + ref.Identifier(), nil
}

func loadArchive(ctx context.Context, archive, target string) error {
	_, err := image.PushArchive(ctx, archive, localRegistry(), target)
	if err == nil || !errors.Is(err, image.ErrNotOCI) {
		return err
	}
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return fmt.Errorf("it is an archive neither of OCI nor of docker: %w", err)
	}
	return pushTo(ctx, target, img)
}

// loadRemote copies only what is for Linux and this machine from an index: the
// other platforms' images would be of no use here.
func loadRemote(ctx context.Context, source, target string) error {
	ref, err := image.Registry{}.Reference(source)
	if err != nil {
		return err
	}
	options, err := image.Registry{}.Options(ctx)
	if err != nil {
		return err
	}
	img, err := remote.Image(ref, append(options, remote.WithPlatform(platform()))...)
	if err != nil {
		return fmt.Errorf("it is neither a file nor an image that this machine can pull: %w", err)
	}
	return pushTo(ctx, target, img)
}

func pushTo(ctx context.Context, target string, img v1.Image) error {
	ref, err := localRegistry().Reference(target)
	if err != nil {
		return err
	}
	options, err := localRegistry().Options(ctx)
	if err != nil {
		return err
	}
	return image.Push(ref, img, options)
}
