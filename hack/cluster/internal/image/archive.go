package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// refName is the annotation by which an OCI layout names an image.
const refName = "org.opencontainers.image.ref.name"

// WriteArchive writes an image, or an index over the images where there is more
// than one platform, as an OCI layout in a tar. It replaces the file at once, so
// that a build that is broken off leaves no half an archive.
func WriteArchive(archive, name string, images []v1.Image) error {
	dir, err := os.MkdirTemp("", "image-layout-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	root, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("start the OCI layout: %w", err)
	}
	named := layout.WithAnnotations(map[string]string{refName: name})
	if len(images) == 1 {
		err = root.AppendImage(images[0], named)
	} else {
		var index v1.ImageIndex
		if index, err = indexOf(images); err == nil {
			err = root.AppendIndex(index, named)
		}
	}
	if err != nil {
		return fmt.Errorf("write the OCI layout: %w", err)
	}
	tree := Tree{}
	if err := tree.AddPath(dir, "", 0o644); err != nil {
		return fmt.Errorf("read the OCI layout: %w", err)
	}
	delete(tree, ".")
	return writeFile(archive, tree.WriteTar)
}

func indexOf(images []v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: config.Platform()},
		})
	}
	return index, nil
}

func writeFile(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // deleted already where all went well
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(file.Name(), name)
}

// ErrNotOCI is what reading any other archive gives.
var ErrNotOCI = errors.New("it is not an OCI archive")

// ArchiveName is the name that an archive of WriteArchive holds.
func ArchiveName(archive string) (string, error) {
	root, remove, err := openArchive(archive)
	if err != nil {
		return "", err
	}
	defer remove()
	index, err := root.ImageIndex()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", archive, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", archive, err)
	}
	for _, descriptor := range manifest.Manifests {
		if name := descriptor.Annotations[refName]; name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s holds no image name", archive)
}

// openArchive unpacks an archive of WriteArchive into a temporary folder, which
// the returned function removes.
func openArchive(archive string) (layout.Path, func(), error) {
	file, err := os.Open(archive)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = file.Close() }()
	dir, err := os.MkdirTemp("", "image-layout-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	remove := func() { _ = os.RemoveAll(dir) }
	if err := unpack(file, dir); err != nil {
		remove()
		return "", nil, fmt.Errorf("unpack %s: %w", archive, err)
	}
	root, err := layout.FromPath(dir)
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("open %s: %w: %w", archive, ErrNotOCI, err)
	}
	return root, remove, nil
}

func unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir) // nothing that the archive names is outside of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for tr := tar.NewReader(r); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			if err := root.MkdirAll(filepath.Clean(header.Name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case tar.TypeReg:
			if err := unpackFile(root, header.Name, tr); err != nil {
				return err
			}
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
