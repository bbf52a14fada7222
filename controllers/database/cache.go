package database

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CachedObjects says what of each kind the manager's cache must hold: only what is this operator's, and of that not who
// wrote which field. The label is the whole operator's, so that other controllers may use the same entries.
func CachedObjects() map[client.Object]cache.ByObject {
	selector, err := metav1.LabelSelectorAsSelector(&ownedSelector)
	if err != nil {
		panic(err) // The selector is a constant.
	}
	objects := map[client.Object]cache.ByObject{}
	for _, kind := range ownedKinds() {
		objects[kind] = cache.ByObject{Label: selector, Transform: slim()}
	}
	return objects
}

// slim makes what is cached smaller: it drops managedFields, and has all ConfigMaps share the scripts that are the same
// in each.
func slim() toolscache.TransformFunc {
	strip := cache.TransformStripManagedFields()
	return func(object any) (any, error) {
		if config, ok := object.(*corev1.ConfigMap); ok {
			for key, text := range config.Data {
				config.Data[key] = unique.Make(text).Value()
			}
		}
		return strip(object)
	}
}
