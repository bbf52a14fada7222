package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A bill has exactly what the program has: here this test's own, of the standard library alone.
func TestBillsAreThoseOfTheProgram(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cycloneDX := `{"bomFormat": "CycloneDX", "metadata": {"component": {"name": "p", "version": "v1.0.0"}},
		"components": [{"name": "std", "version": "` + runtime.Version() + `"}]}`
	spdx := `{"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "SPDXRef-Package-program", "name": "p", "versionInfo": "v1.0.0"},
		{"SPDXID": "SPDXRef-Package-module-0", "name": "std", "versionInfo": "` + runtime.Version() + `"}]}`
	extra := `{"name": "example.com/m", "version": "v1.0.0"}, `
	tests := map[string]struct {
		cycloneDX, spdx, version string
		good                     bool
	}{
		"both are right":         {cycloneDX, spdx, "v1.0.0", true},
		"another version":        {cycloneDX, spdx, "v1.0.1", false},
		"a module too many":      {strings.Replace(cycloneDX, `{"name": "std"`, extra+`{"name": "std"`, 1), spdx, "v1.0.0", false},
		"another Go":             {cycloneDX, strings.Replace(spdx, runtime.Version(), "go1.0", 1), "v1.0.0", false},
		"a module is missing":    {cycloneDX, strings.Replace(spdx, "-module-0", "-program", 1), "v1.0.0", false},
		"another kind of bill":   {spdx, cycloneDX, "v1.0.0", false},
		"not a bill of any kind": {cycloneDX, "[]", "v1.0.0", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "program")
			writeFile(t, base+".cdx.json", test.cycloneDX)
			writeFile(t, base+".spdx.json", test.spdx)
			modules, err := checkBills(program, base, test.version)
			if (err == nil) != test.good || test.good && modules != 1 {
				t.Errorf("%d modules, %v", modules, err)
			}
		})
	}
}

// A release's bundle has the operator's image by the digest of the archive beside it.
func TestBundleNamesTheImageThatWasBuilt(t *testing.T) {
	const image = "cnat-operator@sha256:0123"
	csv := "    containerImage: r/" + image + "\n" + "          image: r/" + image + "\n" +
		"  relatedImages:\n  - image: r/postgres@sha256:45\n    name: postgres\n  - image: r/shell:1\n    name: shell\n"
	tests := map[string]struct{ csv, want string }{
		"by digest":            {csv, ""},
		"the Deployment's not": {strings.Replace(csv, " image: r/"+image, " image: r/cnat-operator:0.3.0", 1), "its image"},
		"another digest":       {strings.Replace(csv, "containerImage: r/"+image, "containerImage: r/cnat-operator@sha256:99", 1), "its containerImage"},
		"a longer name":        {strings.ReplaceAll(csv, image, "other-"+image), "its containerImage"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tagged, err := checkImagesOf([]byte(test.csv), image)
			if test.want == "" && (err != nil || !slices.Equal(tagged, []string{"r/shell:1"})) ||
				test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, %v; want %q", tagged, err, test.want)
			}
		})
	}
}

// hack/provenance names each file of a release, and nothing else passes.
func TestProvenanceIsOfEachFile(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	tests := map[string]struct {
		change func(t *testing.T, folder string)
		commit string
		want   string // part of the error
	}{
		"as it was built": {nil, commit, ""},
		"another commit":  {nil, "9876543210987654321098765432109876543210", "not of"},
		"a changed file":  {func(t *testing.T, folder string) { writeFile(t, filepath.Join(folder, "b"), "other") }, commit, "about"},
		"another file":    {func(t *testing.T, folder string) { writeFile(t, filepath.Join(folder, "c"), "") }, commit, "about"},
		"another was signed": {func(t *testing.T, folder string) {
			writeFile(t, filepath.Join(folder, "provenance.json"), "{}")
		}, commit, "what was signed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			writeFile(t, filepath.Join(folder, "a"), "a")
			writeFile(t, filepath.Join(folder, "b"), "b")
			command := exec.Command("../../hack/provenance", folder)
			command.Env = append(os.Environ(), "VERSION=1.2.3", "IMG=r/i:1", "COMMIT="+commit)
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			payload, err := os.ReadFile(filepath.Join(folder, "provenance.json"))
			if err != nil {
				t.Fatal(err)
			}
			signed, err := json.Marshal(map[string]any{"dsseEnvelope": map[string]any{"payload": payload}})
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(folder, "provenance.sigstore.json"), string(signed))
			writeFile(t, filepath.Join(folder, "SHA256SUMS"), "")
			if test.change != nil {
				test.change(t, folder)
			}
			files, err := checkProvenance(folder, test.commit)
			if test.want == "" && (err != nil || files != 2) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%d files, %v; want %q", files, err, test.want)
			}
		})
	}
}
