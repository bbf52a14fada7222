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
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/releaseutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Objects are objects as a chart renders them.
type Objects = []*unstructured.Unstructured

// Chart is a chart that was read into memory, and is not changed from then on.
type Chart struct {
	chart *chart.Chart
	// schema is what the chart's values must meet.
	schema *jsonschema.Schema
}

// The chart's label of what makes backups.
const (
	labelComponent  = "app.kubernetes.io/component"
	componentBackup = "backup"
)

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
	return &Chart{chart: c, schema: schema}, nil
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

// Desired is what the chart creates from values, for an owner: the only thing that the operator believes of a release.
type Desired struct {
	// Name is the release's.
	Name  string
	Owner client.Object
	// Objects are in the order in which they are written. One that is refused keeps those after it from being written.
	Objects Objects
	// Digest is the SHA-256 of the objects as Helm stores them, in hex: what distinguishes one content of a release from
	// another.
	Digest string

	manifest string
	values   map[string]any
}

// Render returns what the chart creates from the values, without asking the API server anything. Each object is
// controlled by the owner, except those that the chart marks to be kept: they outlive it.
func (c *Chart) Render(owner client.Object, name string, values map[string]any) (*Desired, error) {
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

// complete puts the owner and Helm's marks into the objects, and computes the manifest and its digest.
func (d *Desired) complete() error {
	slices.SortStableFunc(d.Objects, func(a, b *unstructured.Unstructured) int { return position(a) - position(b) })
	reference := metav1.NewControllerRef(d.Owner, d.Owner.GetObjectKind().GroupVersionKind())
	var manifest strings.Builder
	for _, object := range d.Objects {
		annotations := object.GetAnnotations()
		if annotations[kube.ResourcePolicyAnno] != kube.KeepPolicy {
			object.SetOwnerReferences([]metav1.OwnerReference{*reference})
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationName], annotations[annotationNamespace] = d.Name, d.Owner.GetNamespace()
		object.SetAnnotations(annotations)
		object.SetNamespace(d.Owner.GetNamespace())
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		manifest.WriteString("---\n")
		manifest.Write(text)
	}
	d.manifest = manifest.String()
	d.Digest = digestOf(d.manifest)
	return nil
}

// position is an object's place in Helm's order of kinds. What the server does without comes after all that it needs: a
// quota that refuses the volume of the dumps must not keep the server from being created, changed or restored.
func position(object *unstructured.Unstructured) int {
	place := slices.Index(releaseutil.InstallOrder, object.GetKind())
	if object.GetKind() == "PodDisruptionBudget" || object.GetLabels()[labelComponent] == componentBackup {
		place += len(releaseutil.InstallOrder)
	}
	return place
}

// digestOf is the digest of a manifest.
func digestOf(manifest string) string {
	sum := sha256.Sum256([]byte(manifest))
	return hex.EncodeToString(sum[:])
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

// withoutSources returns the chart as Helm stores it: its templates, files and schema are the operator's own, the same
// for each release, and most of a release's size. What Helm needs to show, compare, roll back or remove a revision stays.
func (c *Chart) withoutSources() *chart.Chart {
	metadata := *c.chart.Metadata
	metadata.KubeVersion = "" // The cluster has been asked whether the operator may run, by OLM or its users.
	return &chart.Chart{Metadata: &metadata, Values: c.chart.Values}
}
