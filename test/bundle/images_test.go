package bundle

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/operator-framework/api/pkg/operators/v1alpha1"

	"example.com/cnat-operator/config/manager"
)

const digest = "@sha256:0123456789012345678901234567890123456789012345678901234567890123"

// Where every digest is known a release's bundle has no image by tag: mirrors know images by their digests.
func TestPinnedBundleHasNoImageByTag(t *testing.T) {
	digests := regexp.MustCompile(`(?m)^([A-Z]+_IMAGE=[^@\n]*).*$`).ReplaceAllString(imagesFile(t), "${1}"+digest)
	pinned, reported := pin(t, "registry.example:5000/a/cnat-operator:0.3.0"+digest, digests)
	if reported != "" {
		t.Errorf("hack/pin reports %s", reported)
	}
	csv := load(t, pinned).CSV
	byDigest := regexp.MustCompile(`^([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9/-]+` + digest + `$`)
	found := images(t, csv)
	for _, image := range found {
		if !byDigest.MatchString(image) {
			t.Errorf("%s is not by digest alone", image)
		}
	}
	if before := images(t, load(t, folder).CSV); len(found) != len(before) || len(found) < 9 {
		t.Errorf("the bundle has the images %v, pinned %v", before, found)
	}
	if want := "registry.example:5000/a/cnat-operator" + digest; csv.Annotations["containerImage"] != want {
		t.Errorf("the operator's image is %s, want %s", csv.Annotations["containerImage"], want)
	}
	// What the pipeline of community-operators asks of this field.
	if !regexp.MustCompile(`^[^/]+/[^/]+/[^/:]+:.+`).MatchString(csv.Annotations["containerImage"]) {
		t.Errorf("containerImage is %s", csv.Annotations["containerImage"])
	}
	compareImages(t, csv)
	validate(t, pinned)
}

// What has no digest stays as it is, and is reported.
func TestImageWithoutDigestIsReported(t *testing.T) {
	const postgres = "docker.io/library/postgres:18"
	pinned, reported := pin(t, "example.com/cnat-operator:0.3.0"+digest, "POSTGRES_IMAGE="+postgres+"\n")
	if !strings.Contains(reported, postgres) {
		t.Errorf("reported is %q", reported)
	}
	if found := images(t, load(t, pinned).CSV); !slices.Contains(found, postgres) {
		t.Errorf("the images are %v", found)
	}
}

// The bundle in git has each image by tag, as the local cluster has it, and only those of config/manager/images.env.
func TestImagesHaveOnePlace(t *testing.T) {
	known := []string{"example.com/cnat-operator:" + load(t, folder).CSV.Spec.Version.String()}
	for _, name := range []string{"SHELL_IMAGE", "POSTGRES_IMAGE", "EXPORTER_IMAGE", "SAMPLE_IMAGE"} {
		image, _, _ := strings.Cut(manager.Image(name), "@")
		if image == "" {
			t.Errorf("config/manager/images.env has no %s", name)
		}
		known = append(known, image)
	}
	for _, image := range images(t, load(t, folder).CSV) {
		if !slices.Contains(known, image) {
			t.Errorf("%s is not in config/manager/images.env, which has %v", image, known)
		}
	}
}

// Renovate keeps each of them, with its digest where it has one.
func TestRenovateReadsEachImage(t *testing.T) {
	var renovate struct {
		CustomManagers []struct{ MatchStrings []string }
	}
	readYAML(t, "renovate.json", &renovate)
	if len(renovate.CustomManagers) != 1 || len(renovate.CustomManagers[0].MatchStrings) != 1 {
		t.Fatalf("renovate.json has %+v", renovate)
	}
	pattern := regexp.MustCompile("^[A-Z]+" + renovate.CustomManagers[0].MatchStrings[0] + "$")
	for _, line := range regexp.MustCompile(`(?m)^[A-Z].*$`).FindAllString(imagesFile(t), -1) {
		tagged, _, _ := strings.Cut(line, "@")
		for _, line := range []string{tagged, tagged + digest} {
			if found := pattern.FindStringSubmatch(line); found == nil || found[pattern.SubexpIndex("currentDigest")] != strings.TrimPrefix(line[len(tagged):], "@") {
				t.Errorf("%s gives %q", line, found)
			}
		}
	}
}

// A digest does not tell which PostgreSQL an image has: DATABASE_VERSION does, and the tag is where that comes from.
func TestDatabaseVersionIsThatOfTheImage(t *testing.T) {
	for _, variable := range container(t, load(t, folder).CSV).Env {
		if variable.Name == "DATABASE_VERSION" {
			if image := manager.Image("POSTGRES_IMAGE"); !regexp.MustCompile(`:` + variable.Value + `\b`).MatchString(image) {
				t.Errorf("DATABASE_VERSION is %s, the image %s", variable.Value, image)
			}
			return
		}
	}
	t.Error("the operator has no DATABASE_VERSION: see config/olm/database_version.yaml")
}

func imagesFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../config/manager/images.env")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pin gives the folder of the bundle with digests, and what hack/pin reported.
func pin(t *testing.T, operator, digests string) (folder, reported string) {
	t.Helper()
	folder, file := filepath.Join(t.TempDir(), "bundle"), filepath.Join(t.TempDir(), "images.env")
	if err := os.WriteFile(file, []byte(digests), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("hack/pin", "bundle", folder)
	command.Dir = "../.."
	command.Env = append(os.Environ(), "VERSION=0.3.0", "IMG="+operator, "IMAGES="+file)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return folder, string(output)
}

// images are all that a CSV has, in the fields that mirrors and consoles read.
func images(t *testing.T, csv *v1alpha1.ClusterServiceVersion) []string {
	t.Helper()
	all := []string{csv.Annotations["containerImage"]}
	for _, related := range csv.Spec.RelatedImages {
		all = append(all, related.Image)
	}
	operator := container(t, csv)
	all = append(all, operator.Image)
	for _, variable := range operator.Env {
		if strings.HasPrefix(variable.Name, "RELATED_IMAGE_") {
			all = append(all, variable.Value)
		}
	}
	var examples any
	if err := json.Unmarshal([]byte(csv.Annotations["alm-examples"]), &examples); err != nil {
		t.Fatal(err)
	}
	return append(all, imagesIn(examples)...)
}

// imagesIn are the values of all fields image of a value of JSON.
func imagesIn(value any) (all []string) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			all = append(all, imagesIn(element)...)
		}
	case map[string]any:
		for key, field := range value {
			if image, ok := field.(string); ok && key == "image" {
				all = append(all, image)
			}
			all = append(all, imagesIn(field)...)
		}
	}
	return all
}
