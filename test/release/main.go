// Command release checks what is in the files of a release: `release FOLDER VERSION COMMIT`. It prints what it found, one
// name=value a line, and fails where a file is not what its name says.
package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: release FOLDER VERSION COMMIT")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// platforms are those of each image.
var platforms = []string{"linux/amd64", "linux/arm64"}

func check(folder, version, commit string) error {
	files, err := checkProvenance(folder, commit)
	if err != nil {
		return fmt.Errorf("the provenance: %w", err)
	}
	modules := 0
	for name, program := range map[string]string{"cnat-operator-agenda": "agenda", "cnat-operator": "manager"} {
		found, err := checkImage(folder, name, program, version)
		if err != nil {
			return fmt.Errorf("the image %s: %w", name, err)
		}
		modules = max(modules, found)
	}
	archives, err := filepath.Glob(filepath.Join(folder, "kubectl-*.tar.gz"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		program, err := plugin(archive)
		if err == nil {
			_, err = checkBills(program, strings.TrimSuffix(archive, ".tar.gz"), "v"+version)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
	}
	if err := checkChart(folder, version); err != nil {
		return err
	}
	fmt.Printf("files_with_provenance=%d\nimage_platforms=%s\nplugins=%d\nmost_modules=%d\n",
		files, strings.Join(platforms, ","), len(archives), modules)
	return nil
}

// checkImage checks an image, the bills of materials of its program, and that the manifests name it. It returns how many
// modules the program has.
func checkImage(folder, name, program, version string) (modules int, err error) {
	built, err := programs(filepath.Join(folder, name+".oci.tar"), program)
	if err != nil {
		return 0, err
	}
	if found := slices.Sorted(maps.Keys(built)); !slices.Equal(found, platforms) {
		return 0, fmt.Errorf("it is for %s", found)
	}
	for platform, content := range built {
		base := filepath.Join(folder, name+"-"+strings.ReplaceAll(platform, "/", "-"))
		if modules, err = checkBills(content, base, "v"+version); err != nil {
			return 0, err
		}
	}
	installer := "install" + strings.TrimPrefix(name, "cnat-operator") + ".yaml"
	manifests, err := os.ReadFile(filepath.Join(folder, installer))
	if err == nil && !bytes.Contains(manifests, []byte(name+":"+version)) {
		err = fmt.Errorf("%s does not name it with version %s", installer, version)
	}
	return modules, err
}

// checkChart checks that the operator's chart is of the version, and installs the image of that.
func checkChart(folder, version string) error {
	packed, err := os.ReadFile(filepath.Join(folder, "cnat-operator-"+version+".tgz"))
	if err != nil {
		return err
	}
	chart, err := unpacked(packed)
	if err != nil {
		return err
	}
	for file, want := range map[string]string{"values.yaml": "cnat-operator:" + version, "Chart.yaml": "\nversion: " + version} {
		if !bytes.Contains(chart["cnat-operator/"+file], []byte(want+"\n")) {
			return fmt.Errorf("the chart's %s does not have %q", file, want)
		}
	}
	return nil
}
