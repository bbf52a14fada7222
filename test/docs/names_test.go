package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// What pages name is there: tests, and make's targets.
func TestNamedTestsAndTargetsExist(t *testing.T) {
	tests, targets := map[string]bool{}, map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	for _, path := range files(t, "_test.go") {
		for _, found := range function.FindAllStringSubmatch(read(t, path), -1) {
			tests[found[1]] = true
		}
	}
	for _, path := range []string{"Makefile", "hack/tools.mk"} {
		for _, found := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(read(t, path), -1) {
			targets[found[1]] = true
		}
	}
	aTest, aTarget := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`"), regexp.MustCompile("(?m)(?:`|^ *)make((?: +[a-z][a-z0-9-]*)+)")
	for _, path := range files(t, ".md") {
		text := read(t, path)
		for _, found := range aTest.FindAllStringSubmatch(text, -1) {
			if !tests[found[1]] {
				t.Errorf("%s names %s, which there is not", path, found[1])
			}
		}
		for _, found := range aTarget.FindAllStringSubmatch(text, -1) {
			for _, name := range strings.Fields(found[1]) {
				if !targets[name] {
					t.Errorf("%s: make has no target %s", path, name)
				}
			}
		}
	}
}

// A decision is short, has its parts, names a test, and is in the list.
func TestDecisions(t *testing.T) {
	list := read(t, "docs/adr/README.md")
	decisions, err := filepath.Glob(filepath.Join(root, "docs/adr/0*.md"))
	if err != nil || len(decisions) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for _, path := range decisions {
		name := filepath.Base(path)
		text := read(t, "docs/adr/"+name)
		if lines := strings.Count(text, "\n"); lines > 60 {
			t.Errorf("%s has %d lines", name, lines)
		}
		for _, part := range []string{"# " + name[:4] + " ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n", "\n## What proves it\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q", name, part)
			}
		}
		if _, proof, _ := strings.Cut(text, "## What proves it"); !strings.Contains(proof, "`Test") {
			t.Errorf("%s names no test", name)
		}
		if !strings.Contains(list, "("+name+")") {
			t.Errorf("%s is not in the list", name)
		}
	}
}

// SUPPORT.md says what is tested: the Kubernetes of the tests, and the versions of PostgreSQL that e2e runs.
func TestSupportIsWhatIsTested(t *testing.T) {
	support := read(t, "SUPPORT.md")
	first := func(path, pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, path))
		if found == nil {
			t.Fatalf("%s has no %s", path, pattern)
		}
		return found[1]
	}
	kubernetes := first("tools/node/go.mod", `k8s\.io/kubernetes v(1\.\d+)\.`)
	oldest := first("config/manifests/bases/cnat-operator.clusterserviceversion.yaml", `minKubeVersion: (1\.\d+)\.`)
	majors := strings.ReplaceAll(first("test/e2e/database_versions_test.go", `olderMajors = \[\]string\{(.*)\}`), `"`, "")
	newest := first("config/manager/images.env", `library/postgres:(\d+)`)
	for _, want := range []string{kubernetes + ", the version", oldest + " and newer", majors + " and " + newest + " on a cluster"} {
		if !strings.Contains(support, want) {
			t.Errorf("SUPPORT.md does not say %q", want)
		}
	}
	version := first("Makefile", `(?m)^VERSION \?= (\d+\.\d+)\.`)
	if !strings.Contains(read(t, "SECURITY.md"), "| "+version+" | yes |") || !strings.Contains(read(t, "CHANGELOG.md"), "\n## "+version) {
		t.Errorf("SECURITY.md or CHANGELOG.md does not know version %s", version)
	}
}

// The workflow does what .ci/run does and no more, and what GitHub and Renovate read can be read.
func TestAutomationIsReadable(t *testing.T) {
	for _, path := range append(files(t, ".github/ISSUE_TEMPLATE/bug.yaml"), files(t, ".github/ISSUE_TEMPLATE/idea.yaml")...) {
		var form struct {
			Name, Description string
			Body              []struct{ Type string }
		}
		if err := yaml.Unmarshal([]byte(read(t, path)), &form); err != nil || form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: %v, %+v", path, err, form)
		}
	}
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct{ Steps []struct{ Uses, Run string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/ci.yaml")), &workflow); err != nil {
		t.Fatal(err)
	}
	steps := workflow.Jobs["ci"].Steps
	if len(steps) == 0 || steps[len(steps)-1].Run != ".ci/run" || len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
		t.Errorf("the workflow is %+v", workflow)
	}
	var renovate map[string]any
	if err := json.Unmarshal([]byte(read(t, "renovate.json")), &renovate); err != nil || renovate["packageRules"] == nil {
		t.Errorf("renovate.json: %v", err)
	}
	for _, line := range strings.Split(read(t, ".github/CODEOWNERS"), "\n") {
		path, _, _ := strings.Cut(line, " ")
		if line == "" || strings.HasPrefix(line, "#") || path == "*" {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Errorf("CODEOWNERS: %v", err)
		}
	}
}
