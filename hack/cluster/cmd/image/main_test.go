package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

func TestParseFile(t *testing.T) {
	tests := []struct {
		in, src, dst string
		mode         os.FileMode
		bad          bool
	}{
		{in: "bin/manager:/manager", src: "bin/manager", dst: "/manager"},
		{in: "a:/b:0755", src: "a", dst: "/b", mode: 0o755},
		{in: "a:b", bad: true},
		{in: "a", bad: true},
		{in: ":/b", bad: true},
		{in: "a:/b:rwx", bad: true},
	}
	for _, test := range tests {
		src, dst, mode, err := parseFile(test.in)
		if (err != nil) != test.bad {
			t.Errorf("%q: got the error %v", test.in, err)
		}
		if !test.bad && (src != test.src || dst != test.dst || mode != test.mode) {
			t.Errorf("%q: got %q, %q, %o", test.in, src, dst, mode)
		}
	}
}

func TestBuildAndPush(t *testing.T) {
	dir := t.TempDir()
	for _, architecture := range []string{"amd64", "arm64"} {
		if err := os.WriteFile(filepath.Join(dir, "manager-"+architecture), []byte(architecture), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(dir, "image.tar")
	err := run(t.Context(), []string{
		"build", "--output", archive, "--name", "example.com/manager:v1", "--user", "65532", "--entrypoint", "/manager",
		"--file", filepath.Join(dir, "manager-{arch}") + ":/manager", "--platform", "linux/amd64", "--platform", "linux/arm64",
		"--env", "A=b", "--label", "c=d",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/manager:v1"
	if err := run(t.Context(), []string{"push", archive, reference, "--plain-http"}); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	served, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if read, err := image.ArchiveDigest(archive); err != nil || read != served {
		t.Errorf("the archive's digest is %s, the registry's %s: %v", read, served, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("the index has %d images, want 2", len(manifest.Manifests))
	}
	second, err := index.Image(manifest.Manifests[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := second.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.Config.User != "65532" || config.Config.Labels["c"] != "d" {
		t.Errorf("the second image has the config %+v", config)
	}
}

func TestBadCommandLines(t *testing.T) {
	tests := map[string][]string{
		"no command":          {},
		"unknown command":     {"pull"},
		"no output":           {"build", "--name", "x"},
		"a label of no =":     {"build", "--name", "x", "--output", "y", "--label", "z"},
		"no such platform":    {"build", "--name", "x", "--output", filepath.Join(t.TempDir(), "y"), "--platform", "a/b/c/d/e"},
		"push of nothing":     {"push", "--plain-http"},
		"push of no file":     {"push", "/does/not/exist", "example.com/x"},
		"digest of what":      {"digest"},
		"of no archive":       {"digest", "/does/not/exist"},
		"serve without a key": {"serve", t.TempDir(), "127.0.0.1:0", "/does/not/exist"},
	}
	for what, args := range tests {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
