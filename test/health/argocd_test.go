package health

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// Argo CD is given a script for each kind, and no script is left out.
func TestEveryKindHasAScript(t *testing.T) {
	crds, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(crds) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, file := range crds {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		data, err := os.ReadFile(file)
		if err == nil {
			err = yaml.UnmarshalStrict(data, crd)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := scriptFor(crd.Spec.Group, crd.Spec.Names.Kind); err != nil {
			t.Error(err)
		}
	}
	scripts, _ := filepath.Glob("../../config/argocd/*.lua") // the pattern is right
	if len(scripts) != len(crds) {
		t.Errorf("%d scripts for %d kinds", len(scripts), len(crds))
	}
	if _, err := scriptFor("apps", "Deployment"); err == nil {
		t.Error("a kind that is not ours has a script")
	}
}

// An object without status, or one whose conditions have gaps, is in no script an error: Argo CD would say Unknown.
func TestScriptsTakeWhatTheyGet(t *testing.T) {
	scripts, _ := filepath.Glob("../../config/argocd/*.lua") // the pattern is right
	condition := func(kind string) map[string]any {
		return map[string]any{"status": map[string]any{
			"observedGeneration": int64(1), "conditions": []any{map[string]any{"type": kind, "status": "True", "reason": "R"}},
		}}
	}
	for _, file := range scripts {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, object := range map[string]map[string]any{
			"no status": {}, "empty status": {"status": map[string]any{}},
			"no conditions": {"status": map[string]any{"observedGeneration": int64(1)}},
			"stalled":       condition("Stalled"), "reconciling": condition("Reconciling"), "ready": condition("Ready"),
			"suspended": condition("Suspended"), "complete": condition("Complete"), "failed": condition("Failed"),
		} {
			object["metadata"] = map[string]any{"generation": int64(1)}
			result, err := runScript(string(script), object)
			if err != nil {
				t.Errorf("%s: %s: %v", file, name, err)
			} else if result.RawGetString("status").String() == "nil" || result.RawGetString("message").String() == "nil" {
				t.Errorf("%s: %s: it has no status or no message", file, name)
			}
		}
	}
}

// A script has what Argo CD gives it, and no more: no library for strings or input, and no more than its time.
func TestScriptsAreConfined(t *testing.T) {
	for script, want := range map[string]string{
		`return string.format("%s", "x")`:      "string",
		`return io.open("/etc/passwd")`:        "open",
		`return "Healthy"`:                     "no table",
		`while true do end`:                    "deadline",
		`return {status = obj.status.missing}`: "",
	} {
		_, err := runScript(script, map[string]any{"status": map[string]any{}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}
