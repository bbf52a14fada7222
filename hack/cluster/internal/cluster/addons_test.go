package cluster

import (
	"strings"
	"testing"
)

func TestManifestsNameTheLocalRegistry(t *testing.T) {
	stream, err := renderManifests()
	if err != nil {
		t.Fatal(err)
	}
	images := 0
	for line := range strings.Lines(string(stream)) {
		image, ok := strings.CutPrefix(strings.TrimSpace(line), "image: ")
		if !ok {
			continue
		}
		images++
		name, _ := strings.CutPrefix(image, "10.99.0.2:5000/")
		if _, known := names[strings.TrimSuffix(name, ":latest")]; !known {
			t.Errorf("%s is not an image that `up` pushes", image)
		}
	}
	if images == 0 {
		t.Error("no image in the manifests")
	}
	for _, left := range []string{"{{", "<no value>"} {
		if strings.Contains(string(stream), left) {
			t.Errorf("%q is left in the manifests", left)
		}
	}
}
