package cluster

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// What the bundle names the local registry has, under the name that an image has in its own.
func TestLocalRegistryHasWhatTheBundleNames(t *testing.T) {
	text, err := os.ReadFile("../../../../config/manager/images.env")
	if err != nil {
		t.Fatal(err)
	}
	var local []string
	for _, all := range names {
		local = append(local, all...)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		variable, image, _ := strings.Cut(strings.TrimSpace(line), "=")
		if !strings.HasSuffix(variable, "_IMAGE") {
			continue
		}
		found++
		image, _, _ = strings.Cut(image, "@")
		if registry, name, _ := strings.Cut(image, "/"); strings.Contains(registry, ".") {
			image = name
		} else {
			image = "library/" + image
		}
		if !slices.Contains(local, image) {
			t.Errorf("%s is not in the local registry", image)
		}
	}
	if found == 0 {
		t.Error("config/manager/images.env has no image")
	}
}
