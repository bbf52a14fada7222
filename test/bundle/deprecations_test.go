package bundle

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver/v4"
)

// Only the newest minor version gets fixes: the catalog reports that of every older one, and of no other.
func TestDeprecatedAreThoseWithoutFixes(t *testing.T) {
	security, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\| (\d+\.\d+) and older \| no:`).FindSubmatch(security)
	if found == nil {
		t.Fatal("SECURITY.md does not say which versions get no fixes")
	}
	if err := deprecations(catalog(t), semver.MustParse(string(found[1])+".0")); err != nil {
		t.Error(err)
	}
}

// A check that passes everything would pass the catalog, too.
func TestBadDeprecationsAreFound(t *testing.T) {
	old := blob{Name: "x.v0.1.0"}
	message := "Upgrade to 0.2.0."
	tests := map[string]struct {
		schema, name, message string
		heads                 []string // of a channel each
		want                  string   // part of the error
	}{
		"a good one":         {"olm.bundle", old.Name, message, []string{"x.v0.2.0"}, ""},
		"a whole channel":    {"olm.channel", "stable", message, []string{"x.v0.2.0"}, "everybody"},
		"no way out":         {"olm.bundle", old.Name, "It is old.", []string{"x.v0.2.0"}, "what to do"},
		"the newest version": {"olm.bundle", "x.v0.2.0", message, []string{"x.v0.2.0"}, "deprecated false, want true"},
		"a channel's head":   {"olm.bundle", old.Name, message, []string{"x.v0.2.0", "x.v0.1.0"}, "new installations"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			deprecated := entry{Message: test.message}
			deprecated.Reference.Schema, deprecated.Reference.Name = test.schema, test.name
			blobs := map[string][]blob{
				"olm.deprecations": {{Package: "cnat-operator", Entries: []entry{deprecated}}},
				"olm.bundle":       {old, {Name: "x.v0.2.0"}},
			}
			for _, head := range test.heads {
				blobs["olm.channel"] = append(blobs["olm.channel"], blob{Entries: []entry{{Name: head}}})
			}
			err := deprecations(blobs, semver.MustParse("0.1.0"))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// deprecations is an error unless exactly the bundles up to a minor version are deprecated, by a message that names the
// version to upgrade to, and none is the head of a channel.
func deprecations(blobs map[string][]blob, last semver.Version) error {
	documents, channels := blobs["olm.deprecations"], blobs["olm.channel"]
	if len(documents) != 1 || documents[0].Package != "cnat-operator" || len(channels) == 0 {
		return fmt.Errorf("want one document about cnat-operator, and channels: %v", documents)
	}
	var deprecated []string
	for _, e := range documents[0].Entries {
		if e.Reference.Schema != "olm.bundle" {
			return fmt.Errorf("a deprecated %s is reported to everybody", e.Reference.Schema)
		}
		if newest := version(heads(channels[0].Entries)[0]); !strings.Contains(e.Message, "pgrade to "+newest.String()) {
			return fmt.Errorf("the message about %s does not say what to do: %s", e.Reference.Name, e.Message)
		}
		deprecated = append(deprecated, e.Reference.Name)
	}
	for _, bundle := range blobs["olm.bundle"] {
		v := version(bundle.Name)
		unfixed := v.Major < last.Major || v.Major == last.Major && v.Minor <= last.Minor
		if slices.Contains(deprecated, bundle.Name) != unfixed {
			return fmt.Errorf("%s: deprecated %v, want %v", bundle.Name, !unfixed, unfixed)
		}
	}
	for _, channel := range channels {
		for _, head := range heads(channel.Entries) {
			if slices.Contains(deprecated, head) {
				return fmt.Errorf("%s, which new installations from a channel get, is deprecated", head)
			}
		}
	}
	return nil
}
