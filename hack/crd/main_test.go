package main

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
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
			"containersOfMine": {Description: "ours"},
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
	container := spec.Properties["containers"].Items.Schema
	if container.Description != "" || container.Properties["env"].Description != "" {
		t.Errorf("Kubernetes' own descriptions are there: %+v", container)
	}
	if got := spec.Properties["schedule"]; got.Format != "" || got.MaxLength == nil {
		t.Errorf("schedule has the format %q and the bound %v", got.Format, got.MaxLength)
	}
	if spec.Properties["completionTime"].Format != "date-time" {
		t.Error("another time lost its format")
	}
}
