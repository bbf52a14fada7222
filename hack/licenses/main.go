// Command licenses writes the licences of all modules that are linked into the programs of cmd, for any system: who passes
// programs on must pass these on. It fails where it does not know a licence, or it is not one of those that may be
// used here.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	modules, err := linked(".")
	if err == nil {
		err = write(os.Stdout, modules)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// module is one that is linked, with the folder of its sources.
type module struct{ path, version, folder string }

// linked are the modules of which the programs consist, but for those of this repository. The agenda runs in a cluster only.
func linked(root string) ([]module, error) {
	var all []module
	for _, build := range []struct{ folder, packages, system string }{
		{root, "./cmd/...", "linux"},
		{root, "./cmd/...", "darwin"},
		{root, "./cmd/...", "windows"},
		{filepath.Join(root, "cmd", "agenda"), ".", "linux"},
	} {
		command := exec.Command("go", "list", "-deps", "-f",
			"{{with .Module}}{{if and (not .Main) (not .Replace)}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", build.packages)
		command.Dir = build.folder
		command.Env = append(os.Environ(), "GOOS="+build.system, "CGO_ENABLED=0")
		command.Stderr = os.Stderr
		output, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
			if words := strings.Fields(lines.Text()); len(words) == 3 {
				all = append(all, module{words[0], words[1], words[2]})
			}
		}
	}
	slices.SortFunc(all, func(a, b module) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.version, b.version))
	})
	return slices.Compact(all), nil
}

// write writes each module with its licences, and what it wants to be noted.
func write(to io.Writer, modules []module) error {
	for _, m := range modules {
		licenses, texts, err := m.licenses()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "== %s %s: %s\n\n%s\n", m.path, m.version, strings.Join(licenses, " AND "), texts)
		if err != nil {
			return err
		}
	}
	return nil
}

var licenseFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)

// licenses are the SPDX identifiers and the texts of what is in a module's folder.
func (m module) licenses() (identifiers []string, texts string, err error) {
	entries, err := os.ReadDir(m.folder)
	if err != nil {
		return nil, "", err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !licenseFile.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.folder, entry.Name()))
		if err != nil {
			return nil, "", err
		}
		identifiers = append(identifiers, classify(string(text))...)
		texts += strings.TrimSpace(string(text)) + "\n\n"
	}
	slices.Sort(identifiers)
	identifiers = slices.Compact(identifiers)
	if len(identifiers) == 0 {
		return nil, "", fmt.Errorf("%s has no licence that is known", m.path)
	}
	for _, identifier := range identifiers {
		if !slices.Contains(allowed, identifier) {
			return nil, "", fmt.Errorf("%s has the licence %s", m.path, identifier)
		}
	}
	return identifiers, texts, nil
}
