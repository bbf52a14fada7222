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

// platforms are those of each image.
var platforms = []string{"linux/amd64", "linux/arm64"}

// checkImage checks an image, and the manifests and bills of materials that are about it. It returns how many components
// the last one of those has.
func checkImage(folder, name, version string) (components int, err error) {
	found, err := imagePlatforms(filepath.Join(folder, name+".oci.tar"))
	if err != nil {
		return 0, err
	}
	slices.Sort(found)
	if !slices.Equal(found, platforms) {
		return 0, fmt.Errorf("the image %s is for %s", name, found)
	}
	for _, platform := range platforms {
		file := name + "-" + strings.ReplaceAll(platform, "/", "-") + ".cdx.json"
		if components, err = countComponents(filepath.Join(folder, file), "v"+version); err != nil {
			return 0, err
		}
	}
	installer := "install" + strings.TrimPrefix(name, "cnat-operator") + ".yaml"
	manifests, err := os.ReadFile(filepath.Join(folder, installer))
	if err == nil && !bytes.Contains(manifests, []byte(name+":"+version)) {
		err = fmt.Errorf("%s does not name the image %s:%s", installer, name, version)
	}
	return components, err
}

func check(folder, version string) error {
	components := 0
	for _, name := range []string{"cnat-operator-agenda", "cnat-operator"} {
		var err error
		if components, err = checkImage(folder, name, version); err != nil {
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
	fmt.Printf("image_platforms=%s\ncomponents=%d\nplugins=%d\n", strings.Join(platforms, ","), components, len(archives))
	return nil
}
