package helm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	encoder "go.yaml.in/yaml/v2" // what sigs.k8s.io/yaml encodes with, which reads its own JSON again before
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/releaseutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Objects are objects as a chart renders them.
type Objects = []*unstructured.Unstructured

// The chart's label of what makes backups.
const (
	labelComponent  = "app.kubernetes.io/component"
	componentBackup = "backup"
)

// Desired is what the chart creates from values, for an owner: the only thing that the operator believes of a release.
// The objects are not changed once they are rendered.
type Desired struct {
	// Name is the release's.
	Name  string
	Owner client.Object
	// Objects are in the order in which they are written. One that is refused keeps those after it from being written.
	Objects Objects
	// Digest is the SHA-256 of the objects as Helm stores them, in hex: what distinguishes one content of a release from
	// another.
	Digest string

	// manifest is the text, once it was asked for.
	manifest string
	values   map[string]any
}

// complete puts the owner and Helm's marks into the objects, and computes the manifest and its digest.
func (d *Desired) complete() error {
	slices.SortStableFunc(d.Objects, func(a, b *unstructured.Unstructured) int { return position(a) - position(b) })
	reference := metav1.NewControllerRef(d.Owner, d.Owner.GetObjectKind().GroupVersionKind())
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
	}
	text, err := d.text()
	d.Digest = digestOf(text)
	return err
}

// text is the objects as Helm stores them.
func (d *Desired) text() (string, error) {
	if d.manifest != "" {
		return d.manifest, nil
	}
	var manifest strings.Builder
	for _, object := range d.Objects {
		text, err := encoder.Marshal(object.Object)
		if err != nil {
			return "", fmt.Errorf("encode %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		manifest.WriteString("---\n")
		manifest.Write(text)
	}
	d.manifest = manifest.String()
	return d.manifest, nil
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
		// Helm too puts a newline after each manifest: without it the last line of a block is another text.
		encoded, err := yaml.YAMLToJSON([]byte(strings.TrimSpace(document) + "\n"))
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := utiljson.Unmarshal(encoded, &object.Object); err != nil { // integers stay integers
			return nil, err
		}
		if len(object.Object) > 0 { // a file may render to nothing
			objects = append(objects, object)
		}
	}
	return objects, nil
}
