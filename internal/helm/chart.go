// Package helm is the one place that knows the Helm SDK and helm-operator-plugins.
//
// It offers what a controller needs of a release: see what Helm stored, render, install, upgrade, repair, uninstall.
// It never rolls back, and never uninstalls because something failed.
package helm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Objects are objects as a chart renders them.
type Objects = []*unstructured.Unstructured

// Chart is a chart that was read into memory, and is not changed from then on.
type Chart struct {
	chart *chart.Chart
	// schema is what the chart's values must meet.
	schema *jsonschema.Schema
	// sum is over the name and the bytes of every file: a chart that was edited without a new version is another one.
	sum []byte
}

// schemaIsChecked tells Helm not to check values by the chart's schema, which it would compile anew each time. Render,
// Install and Upgrade check them.
const schemaIsChecked = true

// LoadChart reads the chart in a directory.
func LoadChart(dir string) (*Chart, error) {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("load the chart in %s: %w", dir, err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("chart in %s: %w", dir, err)
	}
	schema, err := compile(c.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema of the values of the chart in %s: %w", dir, err)
	}
	files := map[string][]byte{}
	for _, file := range c.Raw {
		files[file.Name] = file.Data
	}
	// JSON has the files in the order of their names.
	encoded, err := json.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("chart in %s: %w", dir, err)
	}
	sum := sha256.Sum256(encoded)
	return &Chart{chart: c, schema: schema, sum: sum[:]}, nil
}

func compile(text []byte) (*jsonschema.Schema, error) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	const name = "file:///values.schema.json" // as Helm calls it, for the messages
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, schema); err != nil {
		return nil, err
	}
	return compiler.Compile(name)
}

// check tells whether the values, together with the chart's defaults, meet the schema.
func (c *Chart) check(values map[string]any) error {
	all, err := chartutil.CoalesceValues(c.chart, values)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		return err
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	return c.schema.Validate(decoded)
}

// Digest tells one pair of chart and values from another, in 32 hex digits, few enough for the value of a label.
func (c *Chart) Digest(values map[string]any) (string, error) {
	// Maps are encoded with sorted keys.
	encoded, err := json.Marshal(values)
	if err != nil {
		return "", fmt.Errorf("encode values: %w", err)
	}
	sum := sha256.Sum256(append(slices.Clone(c.sum), encoded...))
	return hex.EncodeToString(sum[:16]), nil
}

// Render returns the objects that the chart makes of the values, without asking the API server anything.
func (c *Chart) Render(name, namespace string, values map[string]any) (Objects, error) {
	if err := c.check(values); err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	options := chartutil.ReleaseOptions{Name: name, Namespace: namespace, Revision: 1, IsInstall: true}
	toRender, err := chartutil.ToRenderValuesWithSchemaValidation(
		c.forAction(), chartutil.Values(values), options, chartutil.DefaultCapabilities, schemaIsChecked)
	if err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	files, err := engine.Engine{}.Render(c.forAction(), toRender)
	if err != nil {
		return nil, fmt.Errorf("render release %s: %w", name, err)
	}
	var objects Objects
	for _, file := range slices.Sorted(maps.Keys(files)) {
		more, err := ParseManifest(files[file])
		if err != nil {
			return nil, fmt.Errorf("render release %s: %s: %w", name, file, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

// ParseManifest returns the objects in a manifest: of a file, or of a whole release.
func ParseManifest(manifest string) (Objects, error) {
	var objects Objects
	for document := range strings.SplitSeq("\n"+manifest, "\n---") {
		object := &unstructured.Unstructured{}
		// Helm too puts a newline after each manifest: without it the last line of a block is another text.
		if err := yaml.Unmarshal([]byte(strings.TrimSpace(document)+"\n"), &object.Object); err != nil {
			return nil, err
		}
		if len(object.Object) > 0 { // a file may render to nothing
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// forAction returns a copy whose fields an action may set while another action uses the chart too.
func (c *Chart) forAction() *chart.Chart {
	copied := *c.chart
	return &copied
}
