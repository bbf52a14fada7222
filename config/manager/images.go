// Package manager has what the operator and its manifests share.
package manager

import (
	_ "embed"
	"strings"
)

//go:embed images.env
var images string

// Image is what images.env has under a name.
func Image(name string) string {
	for line := range strings.Lines(images) {
		if key, image, _ := strings.Cut(strings.TrimSpace(line), "="); key == name {
			return image
		}
	}
	return ""
}
