// Package helm is the one place that knows the Helm SDK and helm-operator-plugins.
//
// It offers what a controller needs of a release: see what Helm stored, render, install, upgrade, repair, uninstall.
// It never rolls back, and never uninstalls because something failed.
package helm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Objects are objects as a chart renders them.
type Objects = []*unstructured.Unstructured

// Chart is a chart that was read into memory, and is not changed from then on.
type Chart struct {
	chart *chart.Chart
	// sum is over the name and the bytes of every file: a chart that was edited without a new version is another one.
	sum []byte
}

// LoadChart reads the chart in a directory.
func LoadChart(dir string) (*Chart, error) {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("load the chart in %s: %w", dir, err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("chart in %s: %w", dir, err)
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
	return &Chart{chart: c, sum: sum[:]}, nil
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
	options := chartutil.ReleaseOptions{Name: name, Namespace: namespace, Revision: 1, IsInstall: true}
	toRender, err := chartutil.ToRenderValues(c.forAction(), chartutil.Values(values), options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, fmt.Errorf("values of release %s: %w", name, err)
	}
	files, err := engine.Engine{}.Render(c.forAction(), toRender)
	if err != nil {
		return nil, fmt.Errorf("render release %s: %w", name, err)
	}
	_, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, fmt.Errorf("render release %s: %w", name, err)
	}
	objects := make(Objects, 0, len(manifests))
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{}
		// Helm too puts a newline after each manifest: without it the last line of a block is another text.
		if err := yaml.Unmarshal([]byte(manifest.Content+"\n"), &object.Object); err != nil {
			return nil, fmt.Errorf("render release %s: %s: %w", name, manifest.Name, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// forAction returns a copy whose fields an action may set while another action uses the chart too.
func (c *Chart) forAction() *chart.Chart {
	copied := *c.chart
	return &copied
}
