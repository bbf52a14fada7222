package helm

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Only this package knows Helm's SDK, so that a move to its next version is a change here.
func TestOnlyOnePackageKnowsHelm(t *testing.T) {
	root := filepath.Join("..", "..")
	inside := 0
	for _, folder := range []string{"api", "cmd", "controllers", "internal", "test", "hack"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(source), "\"helm.sh/helm/v") {
				return err
			}
			if filepath.Dir(path) == filepath.Join(root, "internal", "helm") {
				inside++
			} else {
				t.Errorf("%s imports Helm's SDK", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if inside == 0 {
		t.Error("found no import of Helm's SDK at all")
	}
}
