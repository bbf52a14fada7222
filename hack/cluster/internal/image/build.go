package image

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Config is what an image says about how to run it.
type Config struct {
	User       string
	Entrypoint []string
	Cmd        []string
	Env        []string
	Labels     map[string]string
	WorkingDir string
}

// Build makes an image of one layer out of a tree.
func Build(tree Tree, config Config, platform v1.Platform) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return BuildOn(base, tree, config, platform)
}

// BuildOn puts a tree, as one layer, on top of another image. The other's
// environment holds where the config names none, as with a Dockerfile's FROM.
func BuildOn(base v1.Image, tree Tree, config Config, platform v1.Platform) (v1.Image, error) {
	var layerTar bytes.Buffer
	if err := tree.WriteTar(&layerTar); err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layerTar.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("compress the layer: %w", err)
	}
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: Epoch}, CreatedBy: "hack/cluster/cmd/image"},
	})
	if err != nil {
		return nil, fmt.Errorf("add the layer: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's config: %w", err)
	}
	file = file.DeepCopy()
	file.Created = v1.Time{Time: Epoch}
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	if len(config.Env) == 0 {
		config.Env = file.Config.Env
	}
	file.Config = v1.Config{
		User: config.User, Entrypoint: config.Entrypoint, Cmd: config.Cmd, Env: config.Env,
		Labels: config.Labels, WorkingDir: config.WorkingDir,
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return nil, fmt.Errorf("write the image's config: %w", err)
	}
	return image, nil
}
