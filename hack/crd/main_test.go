package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

type schema = apiextensionsv1.JSONSchemaProps

func TestWalk(t *testing.T) {
	root := &schema{Properties: map[string]schema{"spec": {
		Description: "ours",
		Properties: map[string]schema{
			"schedule": {Description: "ours", Format: "date-time"},
			"containers": {Description: "ours", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &schema{
				Description: "Kubernetes'",
				Properties:  map[string]schema{"env": {Description: "Kubernetes'"}},
			}}},
			"template": {Description: "ours", Properties: map[string]schema{
				"metadata": {Type: "object", Properties: map[string]schema{"labels": {Type: "object"}}},
			}},
			"containersOfMine": {Description: "ours"},
			"size":             {XIntOrString: true, Pattern: "^.*$"},
			"port":             {XIntOrString: true},
			"completionTime":   {Description: "ours", Format: "date-time"},
		},
	}}}
	walk(root, "")

	spec := root.Properties["spec"]
	for _, name := range []string{"schedule", "containers", "containersOfMine", "completionTime"} {
		if spec.Properties[name].Description != "ours" {
			t.Errorf("%s lost its description", name)
		}
	}
	if spec.Properties["size"].Pattern != quantity || spec.Properties["port"].Pattern != "" {
		t.Errorf("patterns: size %q, port %q", spec.Properties["size"].Pattern, spec.Properties["port"].Pattern)
	}
	container := spec.Properties["containers"].Items.Schema
	if container.Description != "" || container.Properties["env"].Description != "" {
		t.Errorf("Kubernetes' own descriptions are there: %+v", container)
	}
	metadata := spec.Properties["template"].Properties["metadata"].Properties
	if len(metadata) != 4 || metadata["generateName"].Type == "" || metadata["ownerReferences"].Items == nil || !metadata["creationTimestamp"].Nullable {
		t.Errorf("the metadata of a template is not complete: %+v", metadata)
	}
	if got := spec.Properties["schedule"]; got.Format != "" || got.MaxLength == nil {
		t.Errorf("schedule has the format %q and the bound %v", got.Format, got.MaxLength)
	}
	if spec.Properties["completionTime"].Format != "date-time" {
		t.Error("another time lost its format")
	}
}

// What the pattern takes Go reads, and what it refuses nobody needs.
func TestQuantities(t *testing.T) {
	pattern := regexp.MustCompile(quantity)
	numbers := []string{"0", "1", "9999999999999999999", "0.5", "1.", ".5", "-1", "+1.5", "12345.123456789"}
	units := []string{
		"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E", "e1", "E3", "e-3", "e+10", "e99", "E-99",
	}
	for _, number := range numbers {
		for _, unit := range units {
			if text := number + unit; !pattern.MatchString(text) {
				t.Errorf("%s is refused", text)
			} else if _, err := resource.ParseQuantity(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"", ".", "1e1.", "1e.5", "1e100", "1e-1000000000", "1K", "1 Gi", "Gi", "1Gi\n", "12345678901234567890"} {
		if pattern.MatchString(text) {
			t.Errorf("%q is accepted", text)
		}
	}
}

// kubectl apply stores what it applies as JSON in an annotation.
func TestApplyCanStoreEachCRD(t *testing.T) {
	const limit = 256 << 10 // of all annotations together
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("got CRDs %v, %v", files, err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object, err := yaml.YAMLToJSON(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if len(object) > limit*9/10 {
			t.Errorf("%s has %d bytes as JSON, of %d that fit", file, len(object), limit)
		}
	}
}
