package database

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/cached"
)

// CachedObjects says what of each kind the manager's cache must hold: only what is this operator's, and of that not who
// wrote which field. The label is the whole operator's, so that other controllers may use the same entries.
func CachedObjects() map[client.Object]cache.ByObject {
	selector := labels.SelectorFromSet(labels.Set{step.LabelPartOf: step.PartOf})
	objects := map[client.Object]cache.ByObject{}
	for _, kind := range ownedKinds() {
		own := cache.ByObject{Label: selector, Transform: slim}
		if _, ok := kind.(*corev1.Pod); ok {
			own.Transform = cached.Pod
		}
		objects[kind] = own
	}
	return objects
}

const (
	// maxSecret is how many bytes of a Secret are cached. Ours have some hundreds, and a certificate.
	maxSecret = 32 << 10

	// maxObject is how many bytes of any object are. The chart's have a tenth of it.
	maxObject = 64 << 10
)

// slim makes what is cached smaller, and bounds it: whoever may label an object can put it into the cache. It drops
// managedFields and the annotations of others, keeps of a ConfigMap digests, which do to compare it, and of a Secret what
// fits.
func slim(object any) (any, error) {
	meta, ok := object.(client.Object)
	if !ok {
		return object, nil
	}
	meta.SetManagedFields(nil)
	annotations := meta.GetAnnotations()
	maps.DeleteFunc(annotations, func(key, value string) bool {
		prefix, _, _ := strings.Cut(key, "/")
		return len(value) > step.MaxMessage || prefix != "meta.helm.sh" && prefix != "helm.sh" && prefix != v1.GroupVersion.Group
	})
	switch object := object.(type) {
	case *corev1.ConfigMap:
		release.DigestData(object)
	case *corev1.Secret:
		left := maxSecret
		// The smallest first: a password is not lost for somebody else's addition.
		for _, key := range slices.SortedFunc(maps.Keys(object.Data), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(object.Data[a]), len(object.Data[b])), cmp.Compare(a, b))
		}) {
			if left -= len(key) + len(object.Data[key]); left < 0 {
				delete(object.Data, key)
			}
		}
	}
	return cached.Bounded(meta, maxObject), nil
}
