package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// checkBills compares the bills of materials of a program, in CycloneDX and SPDX, with what its linker recorded: each has
// exactly these modules. It returns how many there are.
func checkBills(program []byte, base, version string) (int, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return 0, err
	}
	want := []string{"std " + info.GoVersion}
	for _, module := range info.Deps {
		switch replace := module.Replace; {
		case replace == nil:
		case replace.Version == "(devel)": // a folder of this repository
			module.Version = version
		default:
			module = replace
		}
		want = append(want, module.Path+" "+module.Version)
	}
	slices.Sort(want)
	for suffix, read := range map[string]func([]byte) (bill, error){".cdx.json": readCycloneDX, ".spdx.json": readSPDX} {
		content, err := os.ReadFile(base + suffix)
		if err != nil {
			return 0, err
		}
		got, err := read(content)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", base+suffix, err)
		}
		slices.Sort(got.modules)
		if got.version != version || !slices.Equal(got.modules, want) {
			return 0, fmt.Errorf("%s is of %s and has %d modules, not of %s with the program's %d: %v, %v",
				base+suffix, got.version, len(got.modules), version, len(want), got.modules, want)
		}
	}
	return len(want), nil
}

// bill is what of a bill of materials is compared.
type bill struct {
	version string
	modules []string // path and version
}

func readCycloneDX(content []byte) (bill, error) {
	type component struct{ Name, Version string }
	var document struct {
		BOMFormat  string
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(content, &document); err != nil || document.BOMFormat != "CycloneDX" {
		return bill{}, fmt.Errorf("it is %q: %w", document.BOMFormat, err)
	}
	result := bill{version: document.Metadata.Component.Version}
	for _, c := range document.Components {
		result.modules = append(result.modules, c.Name+" "+c.Version)
	}
	return result, nil
}

func readSPDX(content []byte) (bill, error) {
	var document struct {
		SPDXVersion string
		Packages    []struct{ SPDXID, Name, VersionInfo string }
	}
	if err := json.Unmarshal(content, &document); err != nil || !strings.HasPrefix(document.SPDXVersion, "SPDX-2.") {
		return bill{}, fmt.Errorf("it is %q: %w", document.SPDXVersion, err)
	}
	var result bill
	for _, p := range document.Packages {
		if strings.HasSuffix(p.SPDXID, "-program") {
			result.version = p.VersionInfo
			continue
		}
		result.modules = append(result.modules, p.Name+" "+p.VersionInfo)
	}
	return result, nil
}
