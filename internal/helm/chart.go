// Package helm is the one place that knows the Helm SDK.
//
// It offers what a controller needs of a release: render, see what Helm stored, install, upgrade, apply one object,
// uninstall. It never rolls back, and never uninstalls because something failed.
//
// Helm stores releases in Secrets of the namespace, which its users may write. So nothing that is stored is obeyed:
// what is created, changed and deleted follows from what the chart renders (Desired) and from what it can render at all
// (ID), in the owner's namespace. See storage.go for what is read back, and apply.go for what is written.
package helm

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Chart is a chart that was read into memory. It is safe for concurrent use.
type Chart struct {
	chart *chart.Chart
	// schema is what the chart's values must meet.
	schema *jsonschema.Schema
	// recent has what was rendered last: the passes over an object come within seconds, and mostly want the same.
	recent *lru.Cache
}

// maxRecent is how many releases are remembered, of some 100 KiB each.
const maxRecent = 48

// schemaIsChecked makes Helm not check values by the chart's schema, which it would compile anew each time. Render
// checks them.
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
	return &Chart{chart: c, schema: schema, recent: lru.New(maxRecent)}, nil
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

// check reports whether the values, together with the chart's defaults, meet the schema.
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

// Render returns what the chart creates from the values, without asking the API server anything. Each object is
// controlled by the owner, except those that the chart marks to be kept: they outlive it.
func (c *Chart) Render(owner client.Object, name string, values map[string]any) (*Desired, error) {
	from, err := json.Marshal([]any{
		owner.GetObjectKind().GroupVersionKind(), owner.GetNamespace(), owner.GetName(), owner.GetUID(), name, values,
	})
	if err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	key := sha256.Sum256(from)
	if known, ok := c.recent.Get(key); ok {
		want := *known.(*Desired)
		want.Owner, want.values = owner, values
		return &want, nil
	}
	want, err := c.render(owner, name, values)
	if err == nil {
		remembered := *want
		remembered.manifest = "" // a third of it all, for the one pass that installs or upgrades
		c.recent.Add(key, &remembered)
	}
	return want, err
}

func (c *Chart) render(owner client.Object, name string, values map[string]any) (*Desired, error) {
	if err := c.check(values); err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	options := chartutil.ReleaseOptions{Name: name, Namespace: owner.GetNamespace(), Revision: 1, IsInstall: true}
	toRender, err := chartutil.ToRenderValuesWithSchemaValidation(
		c.forAction(), chartutil.Values(values), options, chartutil.DefaultCapabilities, schemaIsChecked)
	if err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	files, err := engine.Engine{}.Render(c.forAction(), toRender)
	if err != nil {
		return nil, fmt.Errorf("render release %s: %w", name, err)
	}
	want := &Desired{Name: name, Owner: owner, values: values}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		more, err := ParseManifest(files[file])
		if err != nil {
			return nil, fmt.Errorf("render release %s: %s: %w", name, file, err)
		}
		want.Objects = append(want.Objects, more...)
	}
	return want, want.complete()
}

// forAction returns a copy whose fields an action may set while another action uses the chart too.
func (c *Chart) forAction() *chart.Chart {
	copied := *c.chart
	return &copied
}

// withoutSources returns the chart as Helm stores it: its templates, files and schema are the operator's own, the same
// for each release, and most of a release's size. What Helm needs to show, compare, roll back or remove a revision stays.
func (c *Chart) withoutSources() *chart.Chart {
	metadata := *c.chart.Metadata
	metadata.KubeVersion = "" // The cluster has been asked whether the operator may run, by OLM or its users.
	return &chart.Chart{Metadata: &metadata, Values: c.chart.Values}
}
