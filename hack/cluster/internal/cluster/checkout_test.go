package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindCheckout(t *testing.T) {
	checkout := t.TempDir()
	for _, dir := range []string{"bin", "hack/cluster", "docs/deep"} {
		if err := os.MkdirAll(filepath.Join(checkout, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(checkout, "hack/cluster/go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// The program is in a cache; bin/ holds a link to it.
	cached := filepath.Join(t.TempDir(), "cluster-0123")
	if err := os.WriteFile(cached, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(checkout, "bin/cluster")
	if err := os.Symlink(cached, program); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, program, cwd string }{
		{"by the program's name", program, "/"},
		{"by a relative name", "bin/cluster", checkout},
		{"by the current folder", cached, filepath.Join(checkout, "docs/deep")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(test.cwd)
			if got, err := FindCheckout(test.program); err != nil || string(got) != checkout {
				t.Errorf("got %q, %v; want %q", got, err, checkout)
			}
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		t.Chdir("/")
		if got, err := FindCheckout(cached); err == nil {
			t.Errorf("found %q", got)
		}
	})
}

func TestMissingBinariesSayWhoMakesThem(t *testing.T) {
	_, err := Checkout(t.TempDir()).binaries("kube")
	if err == nil || !strings.Contains(err.Error(), "make cluster-up") {
		t.Errorf("got %v", err)
	}
}
