// Command release checks what is in the files of a release: `release FOLDER VERSION`. It prints what it found, one
// name=value a line, and fails where a file is not what its name says.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: release FOLDER VERSION")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func check(folder, version string) error {
	platforms, err := imagePlatforms(filepath.Join(folder, "cnat-operator.oci.tar"))
	if err != nil {
		return err
	}
	slices.Sort(platforms)
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		return fmt.Errorf("the operator's image is for %s", platforms)
	}
	components := 0
	for _, platform := range platforms {
		arch := strings.TrimPrefix(platform, "linux/")
		if components, err = countComponents(filepath.Join(folder, "cnat-operator-linux-"+arch+".cdx.json"), "v"+version); err != nil {
			return err
		}
	}
	archives, err := filepath.Glob(filepath.Join(folder, "kubectl-*.tar.gz"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := checkPlugin(archive); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
	}
	installer, err := os.ReadFile(filepath.Join(folder, "install.yaml"))
	if err != nil {
		return err
	}
	if image := "cnat-operator:" + version; !bytes.Contains(installer, []byte(image)) {
		return fmt.Errorf("install.yaml does not name the image %s", image)
	}
	fmt.Printf("image_platforms=%s\ncomponents=%d\nplugins=%d\n", strings.Join(platforms, ","), components, len(archives))
	return nil
}
