package bundle

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver/v4"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// blob is one document of a file-based catalog, as far as the graph goes.
type blob struct {
	Schema         string
	Name           string
	Package        string
	Image          string
	DefaultChannel string
	Entries        []entry
}

// entry is one of a channel or, with a reference, of what is deprecated.
type entry struct {
	Name      string
	Replaces  string
	Skips     []string
	SkipRange string
	Reference struct{ Schema, Name string }
	Message   string
}

func catalog(t *testing.T) map[string][]blob {
	t.Helper()
	file, err := os.Open("../../catalog/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	blobs := map[string][]blob{}
	for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		var next blob
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			return blobs
		} else if err != nil {
			t.Fatal(err)
		}
		blobs[next.Schema] = append(blobs[next.Schema], next)
	}
}

func TestCatalogHasThePackageItsChannelsAndBundles(t *testing.T) {
	blobs := catalog(t)
	if packages := blobs["olm.package"]; len(packages) != 1 || packages[0].Name != "cnat-operator" || packages[0].DefaultChannel != "stable" {
		t.Errorf("packages %v", packages)
	}
	var channels []string
	listed := map[string]bool{}
	for _, channel := range blobs["olm.channel"] {
		channels = append(channels, channel.Name)
		for _, entry := range channel.Entries {
			listed[entry.Name] = true
		}
	}
	if want := []string{"candidate", "fast", "stable"}; !slices.Equal(slices.Sorted(slices.Values(channels)), want) {
		t.Errorf("channels %v", channels)
	}
	for _, bundle := range blobs["olm.bundle"] {
		if !listed[bundle.Name] {
			t.Errorf("%s is in no channel", bundle.Name)
		}
		delete(listed, bundle.Name)
		if version := strings.TrimPrefix(bundle.Name, "cnat-operator."); bundle.Image != "example.com/cnat-operator-bundle:"+version {
			t.Errorf("%s is said to be in the image %s", bundle.Name, bundle.Image)
		}
	}
	for name := range listed {
		t.Errorf("a channel lists %s, which the catalog has not", name)
	}
	if current := load(t, folder).CSV.Name; len(blobs["olm.bundle"]) < 2 || !slices.ContainsFunc(blobs["olm.bundle"], func(b blob) bool { return b.Name == current }) {
		t.Errorf("the catalog lacks %s, or a version to upgrade from", current)
	}
}

func TestEachChannelIsOneLineOfUpgrades(t *testing.T) {
	for _, channel := range catalog(t)["olm.channel"] {
		t.Run(channel.Name, func(t *testing.T) {
			if err := line(channel.Entries); err != nil {
				t.Error(err)
			}
		})
	}
}

// A check that passes everything would pass the catalog, too.
func TestLineFindsBadGraphs(t *testing.T) {
	tests := map[string]struct {
		entries []entry
		want    string // part of the error
	}{
		"two heads":            {[]entry{{Name: "x.v1.0.0"}, {Name: "x.v1.1.0"}}, "heads"},
		"a loop":               {[]entry{{Name: "x.v1.0.0", Replaces: "x.v1.1.0"}, {Name: "x.v1.1.0", Replaces: "x.v1.0.0"}}, "newer"},
		"a dangling edge":      {[]entry{{Name: "x.v1.1.0", Replaces: "x.v1.0.0"}}, "not in the channel"},
		"a range without it":   {[]entry{{Name: "x.v1.0.0"}, {Name: "x.v1.1.0", Replaces: "x.v1.0.0", SkipRange: ">1.0.0 <1.1.0"}}, "does not take"},
		"a range of itself":    {[]entry{{Name: "x.v1.0.0"}, {Name: "x.v1.1.0", Replaces: "x.v1.0.0", SkipRange: ">=1.0.0 <=1.1.0"}}, "takes x.v1.1.0 itself"},
		"a step back":          {[]entry{{Name: "x.v1.1.0"}, {Name: "x.v1.0.0", Replaces: "x.v1.1.0"}}, "newer"},
		"a good line":          {[]entry{{Name: "x.v1.0.0"}, {Name: "x.v1.1.0", Replaces: "x.v1.0.0", SkipRange: ">=1.0.0 <1.1.0"}}, ""},
		"a good line by skips": {[]entry{{Name: "x.v1.0.0"}, {Name: "x.v1.0.1", Skips: []string{"x.v1.0.0"}}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := line(test.entries)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func version(name string) semver.Version {
	_, text, _ := strings.Cut(name, ".v")
	return semver.MustParse(text)
}
