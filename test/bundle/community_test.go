package bundle

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blang/semver/v4"
	"sigs.k8s.io/yaml"
)

// readYAML reads a file of the repository.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", path))
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// annotations are those of the bundle in a folder of the repository.
func annotations(t *testing.T, bundle string) map[string]string {
	t.Helper()
	var metadata struct{ Annotations map[string]string }
	readYAML(t, filepath.Join(bundle, "metadata", "annotations.yaml"), &metadata)
	return metadata.Annotations
}

// What the pipeline of community-operators asks of fields, besides its validators.
func TestCommunityRequiredFields(t *testing.T) {
	csv := load(t, folder).CSV
	for name, pattern := range map[string]string{
		"capabilities": `^(Basic Install|Seamless Upgrades|Full Lifecycle|Deep Insights|Auto Pilot)$`,
		"repository":   `^https?://.+`, "support": `.{3,}`, "alm-examples": `(?s).{30,}`, "description": `.{10,}`,
		"containerImage": `^([^/]+/)+[^/:]+:.+`, "categories": `.`,
	} {
		if value := csv.Annotations[name]; !regexp.MustCompile(pattern).MatchString(value) {
			t.Errorf("annotation %s is %q", name, value)
		}
	}
	if _, err := time.Parse(time.RFC3339, csv.Annotations["createdAt"]); err != nil {
		t.Error(err)
	}
	if n := len(csv.Spec.DisplayName); n < 3 || n > 50 {
		t.Errorf("displayName has %d characters", n)
	}
	if len(csv.Spec.Description) < 20 || len(csv.Spec.Provider.Name) < 3 || slices.Contains(csv.Spec.Keywords, "") {
		t.Errorf("description, provider %q or keywords %q", csv.Spec.Provider.Name, csv.Spec.Keywords)
	}
	for _, maintainer := range csv.Spec.Maintainers {
		if maintainer.Name == "" || maintainer.Email == "" {
			t.Errorf("maintainer %+v", maintainer)
		}
	}
	for _, link := range csv.Spec.Links {
		if link.Name == "" || !strings.HasPrefix(link.URL, "https://") {
			t.Errorf("link %+v", link)
		}
	}
	for _, icon := range csv.Spec.Icon {
		if _, err := base64.StdEncoding.DecodeString(icon.Data); err != nil || icon.MediaType != "image/svg+xml" {
			t.Errorf("icon of type %s: %v", icon.MediaType, err)
		}
	}
}

// Its checks of names, of the folder's, and of what may not be in a bundle.
func TestCommunityNames(t *testing.T) {
	bundle := load(t, folder)
	name, version, _ := strings.Cut(bundle.CSV.Name, ".v")
	if name != annotations(t, "bundle")["operators.operatorframework.io.bundle.package.v1"] || version != bundle.CSV.Spec.Version.String() {
		t.Errorf("%s is not of the package and version", bundle.CSV.Name)
	}
	released, err := filepath.Glob("../../released/*/bundle")
	if err != nil || len(released) < 2 {
		t.Fatalf("released are %v: %v", released, err)
	}
	for _, folder := range released {
		older := load(t, folder)
		version := filepath.Base(filepath.Dir(folder))
		if older.CSV.Name != name+".v"+version || older.CSV.Spec.Version.String() != version {
			t.Errorf("%s has %s", folder, older.CSV.Name)
		}
	}
	for _, object := range bundle.Objects {
		if object.GetKind() == "NetworkPolicy" {
			t.Error("the pipeline refuses a NetworkPolicy in a bundle: it is in config/network-policy, beside")
		}
	}
}

// ci.yaml has values that the pipeline knows, and its graph is the one that the bundles have: each but the first replaces
// the one before, so that none is dangling and there is no loop.
func TestCommunityGraph(t *testing.T) {
	var ci struct {
		UpdateGraph string
		Reviewers   []string
	}
	readYAML(t, "config/community-operators/ci.yaml", &ci)
	if ci.UpdateGraph != "replaces-mode" || ci.Reviewers == nil {
		t.Errorf("ci.yaml is %+v", ci)
	}
	folders, err := filepath.Glob("../../released/*/bundle")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{} // what replaces which
	versions := []semver.Version{}
	for _, folder := range append(folders, folder) {
		csv := load(t, folder).CSV
		all[csv.Spec.Version.String()] = csv.Spec.Replaces
		versions = append(versions, csv.Spec.Version.Version)
	}
	slices.SortFunc(versions, func(a, b semver.Version) int { return a.Compare(b) })
	for i, version := range versions {
		want := ""
		if i > 0 {
			want = "cnat-operator.v" + versions[i-1].String()
		}
		if got := all[version.String()]; got != want {
			t.Errorf("%s replaces %q, want %q", version, got, want)
		}
	}
}

// Where the bundle can be installed, the one that it replaces can be, too: the catalog of each OpenShift has both.
func TestCommunityReplacedIsAvailable(t *testing.T) {
	replaced := strings.TrimPrefix(load(t, folder).CSV.Spec.Replaces, "cnat-operator.v")
	const key = "com.redhat.openshift.versions"
	older := annotations(t, filepath.Join("released", replaced, "bundle"))[key]
	if now := annotations(t, "bundle")[key]; older != "" && older != now {
		t.Errorf("%s is for OpenShift %s, and replaces %s, which is for %s", folder, now, replaced, older)
	}
}

// OpenShift 4.N has Kubernetes 1.(N+13), as 4.17 has 1.30: what the annotation names has the oldest Kubernetes that the CSV
// takes, and no version that could take it is left out.
func TestOpenShiftVersionsAgreeWithKubernetes(t *testing.T) {
	openshift := annotations(t, "bundle")["com.redhat.openshift.versions"]
	found := regexp.MustCompile(`^v4\.(\d+)$`).FindStringSubmatch(openshift)
	if found == nil {
		t.Fatalf("com.redhat.openshift.versions is %q", openshift)
	}
	minor, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("1.%d.0", minor+13); load(t, folder).CSV.Spec.MinKubeVersion != want {
		t.Errorf("minKubeVersion is %s; OpenShift %s has %s", load(t, folder).CSV.Spec.MinKubeVersion, openshift, want)
	}
	dockerfile, err := os.ReadFile("../../bundle.Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range annotations(t, "bundle") {
		if !strings.Contains(string(dockerfile), "LABEL "+key+"="+value+"\n") {
			t.Errorf("bundle.Dockerfile has no label %s=%s", key, value)
		}
	}
}
