package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
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

// descriptor is what of an OCI descriptor is needed.
type descriptor struct {
	MediaType string
	Digest    string
	Platform  struct{ OS, Architecture string }
}

// imagePlatforms are the platforms of an OCI archive. The program in each image must be for its platform.
func imagePlatforms(file string) ([]string, error) {
	archive, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	blobs, err := files(archive)
	if err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	read := func(digest string, into any) error {
		return json.Unmarshal(blobs["blobs/"+strings.Replace(digest, ":", "/", 1)], into)
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(blobs["index.json"], &index); err != nil {
		return nil, err
	}
	for len(index.Manifests) == 1 && strings.Contains(index.Manifests[0].MediaType, "index") {
		digest := index.Manifests[0].Digest
		index.Manifests = nil
		if err := read(digest, &index); err != nil {
			return nil, err
		}
	}
	var platforms []string
	for _, image := range index.Manifests {
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		var config struct{ OS, Architecture string }
		if err := errors.Join(read(image.Digest, &manifest), read(manifest.Config.Digest, &config)); err != nil {
			return nil, err
		}
		if config.OS != image.Platform.OS || config.Architecture != image.Platform.Architecture {
			return nil, fmt.Errorf("the index says %v, the image %v", image.Platform, config)
		}
		if err := checkManager(blobs, manifest.Layers, config.Architecture); err != nil {
			return nil, err
		}
		platforms = append(platforms, config.OS+"/"+config.Architecture)
	}
	return platforms, nil
}

// checkManager checks what the operator's program in an image was built for.
func checkManager(blobs map[string][]byte, layers []descriptor, architecture string) error {
	for _, layer := range layers {
		content := io.Reader(bytes.NewReader(blobs["blobs/"+strings.Replace(layer.Digest, ":", "/", 1)]))
		if strings.HasSuffix(layer.MediaType, "gzip") {
			unpacked, err := gzip.NewReader(content)
			if err != nil {
				return err
			}
			content = unpacked
		}
		in, err := files(content)
		if err != nil {
			return err
		}
		if program, found := in["manager"]; found {
			return checkProgram(program, "linux", architecture)
		}
	}
	return errors.New("the image has no manager")
}

// checkPlugin checks the program in an archive kubectl-NAME-OS-ARCHITECTURE.tar.gz.
func checkPlugin(file string) error {
	packed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	in, err := files(unpacked)
	if err != nil {
		return err
	}
	parts := strings.Split(strings.TrimSuffix(filepath.Base(file), ".tar.gz"), "-")
	name, platform := strings.Join(parts[:2], "-"), parts[2:]
	if platform[0] == "windows" {
		name += ".exe"
	}
	if len(in) != 1 || in[name] == nil {
		return fmt.Errorf("it does not have %s alone", name)
	}
	return checkProgram(in[name], platform[0], platform[1])
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

// countComponents is how many modules a CycloneDX bill of materials has. It must be that of the version.
func countComponents(file, version string) (int, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var bill struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(content, &bill); err != nil {
		return 0, err
	}
	if of := bill.Metadata.Component; bill.BOMFormat != "CycloneDX" || of.Version != version || len(bill.Components) == 0 {
		return 0, fmt.Errorf("%s is about %s %s and has %d components", filepath.Base(file), of.Name, of.Version, len(bill.Components))
	}
	return len(bill.Components), nil
}
