// Command release checks what is in the files of a release: `release FOLDER VERSION COMMIT`. It prints what it found, one
// name=value a line, and fails where a file is not what its name says.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

const operator = "cnat-operator"

// platforms are those of each image.
var platforms = []string{"linux/amd64", "linux/arm64"}

func check(folder, version, commit string) error {
	files, err := checkProvenance(folder, commit)
	if err != nil {
		return fmt.Errorf("the provenance: %w", err)
	}
	modules := 0
	digests := map[string]string{}
	for name, program := range map[string]string{"cnat-operator-agenda": "agenda", operator: "manager"} {
		found, digest, err := checkImage(folder, name, program, version)
		if err != nil {
			return fmt.Errorf("the image %s: %w", name, err)
		}
		modules, digests[name] = max(modules, found), digest
	}
	tagged, err := checkBundle(folder, operator+"@"+digests[operator])
	if err != nil {
		return fmt.Errorf("the bundle: %w", err)
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
	if err := checkChart(folder, version, digests[operator]); err != nil {
		return err
	}
	fmt.Printf("files_with_provenance=%d\nimage_platforms=%s\nplugins=%d\nmost_modules=%d\nbundle_images_by_tag=%s\n",
		files, strings.Join(platforms, ","), len(archives), modules, strings.Join(tagged, ","))
	return nil
}

// checkImage checks an image, the bills of materials of its program, and that the manifests name it by its digest. It
// returns how many modules the program has, and the digest.
func checkImage(folder, name, program, version string) (modules int, digest string, err error) {
	image, err := open(filepath.Join(folder, name+".oci.tar"))
	if err != nil {
		return 0, "", err
	}
	built, err := image.programs(program)
	if err != nil {
		return 0, "", err
	}
	if found := slices.Sorted(maps.Keys(built)); !slices.Equal(found, platforms) {
		return 0, "", fmt.Errorf("it is for %s", found)
	}
	for platform, content := range built {
		base := filepath.Join(folder, name+"-"+strings.ReplaceAll(platform, "/", "-"))
		if modules, err = checkBills(content, base, "v"+version); err != nil {
			return 0, "", err
		}
	}
	installer := "install" + strings.TrimPrefix(name, operator) + ".yaml"
	manifests, err := os.ReadFile(filepath.Join(folder, installer))
	if want := name + ":" + version + "@" + image.digest; err == nil && !bytes.Contains(manifests, []byte(want+"\n")) {
		err = fmt.Errorf("%s does not name it as %s", installer, want)
	}
	return modules, image.digest, err
}

// checkBundle checks that the bundle has the operator's image by its digest, wherever it has it. It returns which of the
// images that the operator runs it has by tag, since their digests were not known.
func checkBundle(folder, operator string) (tagged []string, err error) {
	bundle, err := open(filepath.Join(folder, "cnat-operator-bundle.oci.tar"))
	if err != nil {
		return nil, err
	}
	csv, err := bundle.file(bundle.platforms[0], "manifests/cnat-operator.clusterserviceversion.yaml")
	if err != nil {
		return nil, err
	}
	if err := checkLabels(bundle); err != nil {
		return nil, err
	}
	return checkImagesOf(csv, operator)
}

// checkLabels checks that the bundle's annotations are labels of its image, from which catalogs have them.
func checkLabels(bundle *image) error {
	annotations, err := bundle.file(bundle.platforms[0], "metadata/annotations.yaml")
	if err != nil {
		return err
	}
	var manifest struct{ Config descriptor }
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err := errors.Join(bundle.read(bundle.platforms[0].Digest, &manifest), bundle.read(manifest.Config.Digest, &config)); err != nil {
		return err
	}
	for _, found := range regexp.MustCompile(`(?m)^  ([a-z]\S*): (.+)$`).FindAllStringSubmatch(string(annotations), -1) {
		if label := config.Config.Labels[found[1]]; label != found[2] {
			return fmt.Errorf("its label %s is %q, not %q", found[1], label, found[2])
		}
	}
	return nil
}

func checkImagesOf(csv []byte, operator string) (tagged []string, err error) {
	for _, field := range []string{"containerImage", " image"} {
		if !regexp.MustCompile(field + `: \S+/` + regexp.QuoteMeta(operator) + `\n`).Match(csv) {
			return nil, fmt.Errorf("its %s is not %s", strings.TrimSpace(field), operator)
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^  - image: ([^@\s]+)$`).FindAllSubmatch(csv, -1) {
		tagged = append(tagged, string(found[1]))
	}
	return tagged, nil
}

// checkChart checks that the operator's chart is of the version, and installs the image of that.
func checkChart(folder, version, digest string) error {
	packed, err := os.ReadFile(filepath.Join(folder, "cnat-operator-"+version+".tgz"))
	if err != nil {
		return err
	}
	chart, err := unpacked(packed)
	if err != nil {
		return err
	}
	for file, want := range map[string]string{"values.yaml": operator + ":" + version + "@" + digest, "Chart.yaml": "\nversion: " + version} {
		if !bytes.Contains(chart["cnat-operator/"+file], []byte(want+"\n")) {
			return fmt.Errorf("the chart's %s does not have %q", file, want)
		}
	}
	return nil
}
