// Command spdx writes a CycloneDX bill of materials of a Go program as one in SPDX 2.3: `spdx BILL TIME`. Equal bills give
// equal bytes.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: spdx BILL TIME")
		os.Exit(2)
	}
	output, err := convert(os.Args[1], os.Args[2])
	if err == nil {
		_, err = os.Stdout.Write(output)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "spdx:", err)
		os.Exit(1)
	}
}

// component is what of a CycloneDX component is used.
type component struct {
	Name    string
	Version string
	PURL    string
}

func convert(path, time string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var bill struct {
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.Unmarshal(content, &bill); err != nil {
		return nil, err
	}
	if len(bill.Components) == 0 {
		return nil, errors.New("the bill has no components")
	}
	name := strings.TrimSuffix(filepath.Base(path), ".cdx.json")
	document := &spdx.Document{
		SPDXVersion:       spdx.Version,
		DataLicense:       spdx.DataLicense,
		SPDXIdentifier:    "DOCUMENT",
		DocumentName:      name,
		DocumentNamespace: fmt.Sprintf("https://example.com/cnat-operator/spdx/%s-%x", name, sha256.Sum256(content)),
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "cyclonedx-gomod"}, {CreatorType: "Tool", Creator: "spdx-tools-golang"}},
			Created:  time,
		},
	}
	program := newPackage("Package-program", bill.Metadata.Component)
	program.PrimaryPackagePurpose = "APPLICATION"
	document.Packages = []*spdx.Package{program}
	document.Relationships = []*spdx.Relationship{relation("DOCUMENT", "DESCRIBES", "Package-program")}
	for i, module := range bill.Components {
		id := fmt.Sprintf("Package-module-%d", i)
		document.Packages = append(document.Packages, newPackage(id, module))
		document.Relationships = append(document.Relationships, relation("Package-program", "CONTAINS", id))
	}
	var output bytes.Buffer
	if err := spdxjson.Write(document, &output, spdxjson.Indent("  "), spdxjson.EscapeHTML(false)); err != nil {
		return nil, err
	}
	return output.Bytes(), valid(output.Bytes())
}

// newPackage is a component as a package. What is not known is said not to be.
func newPackage(id string, c component) *spdx.Package {
	return &spdx.Package{
		PackageSPDXIdentifier:   common.ElementID(id),
		PackageName:             c.Name,
		PackageVersion:          c.Version,
		PackageDownloadLocation: "NOASSERTION",
		PackageLicenseConcluded: "NOASSERTION",
		PackageLicenseDeclared:  "NOASSERTION",
		PackageCopyrightText:    "NOASSERTION",
		PackageExternalReferences: []*spdx.PackageExternalReference{
			{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: c.PURL},
		},
	}
}

func relation(from, kind, to string) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.MakeDocElementID("", from), Relationship: kind, RefB: common.MakeDocElementID("", to)}
}

// valid reads a document as its users will.
func valid(content []byte) error {
	document, err := spdxjson.Read(bytes.NewReader(content))
	if err != nil {
		return err
	}
	return spdxlib.ValidateDocument(document)
}
