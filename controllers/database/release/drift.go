package release

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// owned is what the chart's objects are found to be.
type owned struct {
	// drift are the objects that are missing or not as they were rendered.
	drift []difference
	// server: the StatefulSet is among them.
	server bool
	// cronJob creates backups, as it was rendered; nil: it is not there.
	cronJob *batchv1.CronJob
}

// difference is an object that is not as it was rendered.
type difference struct {
	rendered *unstructured.Unstructured
	version  string // of the object that is there; empty: it is missing
}

// name is that of the object, with its kind.
func (d difference) name() string { return d.rendered.GetKind() + " " + d.rendered.GetName() }

func (d difference) String() string {
	what := "missing"
	if d.version != "" {
		what = "changed, version " + d.version
	}
	return fmt.Sprintf("%s (%s)", d.name(), what)
}

// withoutData leaves out what a repair of would restart the server, or give it an empty volume.
func (o owned) withoutData() owned {
	drift := slices.DeleteFunc(slices.Clone(o.drift), func(d difference) bool {
		return d.rendered.GetKind() == "StatefulSet" || d.rendered.GetKind() == "PersistentVolumeClaim"
	})
	return owned{drift: drift, cronJob: o.cronJob}
}

// missing are the objects that are not there.
func (o owned) missing() []difference {
	return slices.DeleteFunc(slices.Clone(o.drift), func(d difference) bool { return d.version != "" })
}

// withoutClaims leaves out the volume claims, which may have grown since the release was stored.
func withoutClaims(objects helm.Objects) helm.Objects {
	var rest helm.Objects
	for _, object := range objects {
		if object.GetKind() != "PersistentVolumeClaim" {
			rest = append(rest, object)
		}
	}
	return rest
}

// holds reports whether a live object holds all that the chart says of it. What the chart says nothing of, such as
// defaults of the API server and additions of others, is not looked at.
func holds(live, want client.Object) (bool, error) {
	liveContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, err
	}
	wantContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	if err != nil {
		return false, err
	}
	// A live object of the cache has no kind, and its status is not the chart's to say.
	for _, key := range []string{"apiVersion", "kind", "status"} {
		delete(wantContent, key)
	}
	return step.Covers(liveContent, wantContent), nil
}

const (
	// maxKeys is how many keys of a ConfigMap are cached, and maxKey how long each may be. The chart has a dozen.
	maxKeys, maxKey = 64, 64
)

// digestMark begins the digests. What is cached may be transformed a second time, as when a list takes the place of what a
// watch brought, and nobody can write a ConfigMap that passes for digests.
var digestMark = rand.Text() + ":"

// DigestData puts digests in the place of a ConfigMap's data, where they are not there already.
func DigestData(config *corev1.ConfigMap) {
	digests := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(config.Data)) {
		if len(key) <= maxKey && len(digests) < maxKeys {
			if strings.HasPrefix(config.Data[key], digestMark) {
				digests[key] = config.Data[key]
				continue
			}
			sum := sha256.Sum256([]byte(config.Data[key]))
			digests[strings.Clone(key)] = digestMark + hex.EncodeToString(sum[:])
		}
	}
	config.Data, config.BinaryData = digests, nil
}
