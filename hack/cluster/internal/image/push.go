package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is how to reach a registry.
type Registry struct {
	PlainHTTP bool
	// CAFile holds the certificate of the authority that the registry's
	// certificate is from; empty: the machine's own authorities.
	CAFile string
}

// Reference reads an image's name; one without a tag means latest.
func (r Registry) Reference(image string) (name.Reference, error) {
	var options []name.Option
	if r.PlainHTTP {
		options = append(options, name.Insecure)
	}
	return name.ParseReference(image, options...)
}

// Options are for calls of package remote: credentials are those of docker's
// config file, as for every other client.
func (r Registry) Options(ctx context.Context) ([]remote.Option, error) {
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	if r.CAFile == "" {
		return options, nil
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the registry's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", r.CAFile)
	}
	transport := remote.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	transport.Proxy = nil // a registry with a CA of its own is nearby
	return append(options, remote.WithTransport(transport)), nil
}

// Pull is the image of a name, for a platform. Its layers are read when they are needed.
func (r Registry) Pull(ctx context.Context, image string, platform v1.Platform) (v1.Image, error) {
	ref, err := r.Reference(image)
	if err != nil {
		return nil, err
	}
	options, err := r.Options(ctx)
	if err != nil {
		return nil, err
	}
	pulled, err := remote.Image(ref, append(options, remote.WithPlatform(platform))...)
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", ref, err)
	}
	return pulled, nil
}

// PushArchive pushes what an OCI archive holds under each of the names, and
// returns its digest.
func PushArchive(ctx context.Context, archive string, registry Registry, names ...string) (v1.Hash, error) {
	root, remove, err := openArchive(archive)
	if err != nil {
		return v1.Hash{}, err
	}
	defer remove()
	content, digest, err := contentOf(root)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read %s: %w", archive, err)
	}
	options, err := registry.Options(ctx)
	if err != nil {
		return v1.Hash{}, err
	}
	for _, n := range names {
		ref, err := registry.Reference(n)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("image name %q: %w", n, err)
		}
		if err := Push(ref, content, options); err != nil {
			return v1.Hash{}, fmt.Errorf("push %s to %s: %w", archive, ref, err)
		}
	}
	return digest, nil
}

// ArchiveDigest is the digest of what an OCI archive holds, by which any registry will have it.
func ArchiveDigest(archive string) (v1.Hash, error) {
	root, remove, err := openArchive(archive)
	if err != nil {
		return v1.Hash{}, err
	}
	defer remove()
	_, digest, err := contentOf(root)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read %s: %w", archive, err)
	}
	return digest, nil
}

// Push pushes an image or an index.
func Push(ref name.Reference, content remote.Taggable, options []remote.Option) error {
	switch content := content.(type) {
	case v1.ImageIndex:
		return remote.WriteIndex(ref, content, options...)
	case v1.Image:
		return remote.Write(ref, content, options...)
	default:
		return fmt.Errorf("a %T is neither an image nor an index", content)
	}
}

// contentOf is the one image, or index, of a layout.
func contentOf(root layout.Path) (remote.Taggable, v1.Hash, error) {
	index, err := root.ImageIndex()
	if err != nil {
		return nil, v1.Hash{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, v1.Hash{}, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, v1.Hash{}, fmt.Errorf("it holds %d images, not one", len(manifest.Manifests))
	}
	descriptor := manifest.Manifests[0]
	if descriptor.MediaType.IsIndex() {
		content, err := index.ImageIndex(descriptor.Digest)
		return content, descriptor.Digest, err
	}
	content, err := index.Image(descriptor.Digest)
	return content, descriptor.Digest, err
}
