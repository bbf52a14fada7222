// Command crd finishes the CustomResourceDefinitions that controller-gen wrote,
// in place:
//
//   - It drops the descriptions of Kubernetes' own types below the given paths:
//     `kubectl explain pod.spec` shows them as well, and with them the At's CRD
//     is over the 256 KiB that `kubectl apply` can store in its annotation.
//   - It drops the format of the given paths. controller-gen gives each
//     metav1.Time the format date-time, whose check runs before any CEL rule,
//     says only "must be of type date-time", and lets through what Go can't
//     parse (like a zone of +99:99), so that one stored object would break
//     every client's list. A bound on the length takes its place, which the cost
//     of CEL rules depends on and no marker can give to a metav1 type.
//   - It completes the metadata that Kubernetes' types embed, as that of a pod
//     template. controller-gen leaves out fields that a user may write; the API
//     server would drop them without a word, so that no rule could refuse them.
//   - It gives quantities another pattern. That of controller-gen lets through
//     what Go can't read (1e1.), and exponents over which Go, and with it every
//     client that reads the object, computes for hours (1e999999999).
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

var (
	// Items of a list have its path and a dot more.
	undescribed = []string{
		"spec.containers", "spec.template", "spec.resources",
		"spec.affinity", "spec.tolerations", "spec.topologySpreadConstraints",
		"spec.allowFrom..namespaceSelector", "spec.allowFrom..podSelector",
	}
	unformatted = []string{"spec.schedule", "spec.after", "spec.notBefore", "spec.notAfter"}
	maxLength   = int64(64) // more than any time or duration needs

	quantity = `^[-+]?([0-9]{1,19}([.][0-9]{0,9})?|[.][0-9]{1,9})([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$`
)

func main() {
	for _, file := range os.Args[1:] {
		if err := finish(file); err != nil {
			fmt.Fprintf(os.Stderr, "crd: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func finish(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		return err
	}
	for i := range crd.Spec.Versions {
		walk(crd.Spec.Versions[i].Schema.OpenAPIV3Schema, "")
	}
	// The typed object always has a status, which is the API server's to write.
	object := map[string]any{}
	if data, err = yaml.Marshal(crd); err != nil {
		return err
	}
	if err := yaml.Unmarshal(data, &object); err != nil {
		return err
	}
	delete(object, "status")
	if data, err = yaml.Marshal(object); err != nil {
		return err
	}
	return os.WriteFile(file, append([]byte("---\n"), data...), 0o644)
}

// walk visits the schema at path and all below it. Items of lists have the
// path of their list.
func walk(schema *apiextensionsv1.JSONSchemaProps, path string) {
	if slices.Contains(unformatted, path) {
		schema.Format, schema.MaxLength = "", &maxLength
	}
	if schema.XIntOrString && schema.Pattern != "" {
		schema.Pattern = quantity
	}
	if slices.ContainsFunc(undescribed, func(above string) bool { return strings.HasPrefix(path, above+".") }) {
		schema.Description = ""
		if strings.HasSuffix(path, ".metadata") {
			completeMetadata(schema)
		}
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walk(schema.Items.Schema, path+".")
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walk(schema.AdditionalProperties.Schema, path+".")
	}
	for name, property := range schema.Properties {
		walk(&property, strings.TrimPrefix(path+"."+name, "."))
		schema.Properties[name] = property
	}
}

// completeMetadata adds what controller-gen leaves out of an embedded ObjectMeta.
// creationTimestamp is null in what kubectl and Go clients write.
func completeMetadata(metadata *apiextensionsv1.JSONSchemaProps) {
	preserve := true
	owner := &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve}
	for name, property := range map[string]apiextensionsv1.JSONSchemaProps{
		"creationTimestamp": {Type: "string", Format: "date-time", Nullable: true},
		"generateName":      {Type: "string"},
		"ownerReferences":   {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: owner}},
	} {
		metadata.Properties[name] = property
	}
}
