package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// files are those of a tar archive, by name.
func files(archive io.Reader) (map[string][]byte, error) {
	all := map[string][]byte{}
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		all[strings.TrimPrefix(filepath.Clean("/"+header.Name), "/")] = content
	}
}

// unpacked are the files of a packed tar archive.
func unpacked(packed []byte) (map[string][]byte, error) {
	archive, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return files(archive)
}

// descriptor is what of an OCI descriptor is needed.
type descriptor struct {
	MediaType string
	Digest    string
	Platform  struct{ OS, Architecture string }
}

// image is what an OCI archive holds: an image, for each of its platforms.
type image struct {
	blobs     map[string][]byte
	digest    string // by which any registry has it
	platforms []descriptor
}

func open(file string) (*image, error) {
	archive, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	blobs, err := files(archive)
	if err := errors.Join(err, archive.Close()); err != nil {
		return nil, err
	}
	i := &image{blobs: blobs}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(blobs["index.json"], &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d images, not one", file, len(index.Manifests))
	}
	i.digest = index.Manifests[0].Digest
	for len(index.Manifests) == 1 && strings.Contains(index.Manifests[0].MediaType, "index") {
		digest := index.Manifests[0].Digest
		index.Manifests = nil
		if err := i.read(digest, &index); err != nil {
			return nil, err
		}
	}
	i.platforms = index.Manifests
	return i, nil
}

func (i *image) read(digest string, into any) error {
	content, err := i.blob(digest)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// programs are those of a name, by their platforms, for which they must be.
func (i *image) programs(name string) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, platform := range i.platforms {
		var manifest struct{ Config descriptor }
		var config struct{ OS, Architecture string }
		if err := errors.Join(i.read(platform.Digest, &manifest), i.read(manifest.Config.Digest, &config)); err != nil {
			return nil, err
		}
		if config.OS != platform.Platform.OS || config.Architecture != platform.Platform.Architecture {
			return nil, fmt.Errorf("the index says %v, the image %v", platform.Platform, config)
		}
		content, err := i.file(platform, name)
		if err == nil {
			err = checkProgram(content, config.OS, config.Architecture)
		}
		if err != nil {
			return nil, err
		}
		all[config.OS+"/"+config.Architecture] = content
	}
	return all, nil
}

// blob is the content that has a digest.
func (i *image) blob(digest string) ([]byte, error) {
	content := i.blobs["blobs/"+strings.Replace(digest, ":", "/", 1)]
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(content)); got != digest {
		return nil, fmt.Errorf("the archive has %s for %s", got, digest)
	}
	return content, nil
}

// file is one of a platform's image.
func (i *image) file(platform descriptor, name string) ([]byte, error) {
	var manifest struct{ Layers []descriptor }
	if err := i.read(platform.Digest, &manifest); err != nil {
		return nil, err
	}
	for _, layer := range manifest.Layers {
		content, err := i.blob(layer.Digest)
		if err != nil {
			return nil, err
		}
		read := func(packed []byte) (map[string][]byte, error) { return files(bytes.NewReader(packed)) }
		if strings.HasSuffix(layer.MediaType, "gzip") {
			read = unpacked
		}
		in, err := read(content)
		if err != nil {
			return nil, err
		}
		if file, found := in[name]; found {
			return file, nil
		}
	}
	return nil, fmt.Errorf("it has no /%s", name)
}

// plugin is the program in an archive kubectl-NAME-OS-ARCHITECTURE.tar.gz, for which it must be.
func plugin(file string) ([]byte, error) {
	packed, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	in, err := unpacked(packed)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimSuffix(filepath.Base(file), ".tar.gz"), "-")
	name, platform := strings.Join(parts[:2], "-"), parts[2:]
	if platform[0] == "windows" {
		name += ".exe"
	}
	if len(in) != 1 || in[name] == nil {
		return nil, fmt.Errorf("it does not have %s alone", name)
	}
	return in[name], checkProgram(in[name], platform[0], platform[1])
}

// checkProgram reads what a program was built for from its header.
func checkProgram(program []byte, system, architecture string) error {
	var machine string
	reader := bytes.NewReader(program)
	switch system {
	case "linux":
		header, err := elf.NewFile(reader)
		if err != nil {
			return err
		}
		machine = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[header.Machine]
	case "darwin":
		header, err := macho.NewFile(reader)
		if err != nil {
			return err
		}
		machine = map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[header.Cpu]
	case "windows":
		header, err := pe.NewFile(reader)
		if err != nil {
			return err
		}
		machine = map[uint16]string{
			pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
		}[header.Machine]
	}
	if machine != architecture {
		return fmt.Errorf("its program is for %q, not for %s/%s", machine, system, architecture)
	}
	return nil
}
