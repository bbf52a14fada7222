package database

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/cached"
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
		own := cache.ByObject{Label: selector, Transform: slim()}
		if _, ok := kind.(*corev1.Pod); ok {
			own.Transform = cached.Pod
		}
		objects[kind] = own
	}
	return objects
}

// slim makes what is cached smaller: it drops managedFields, and has ConfigMaps share the scripts that are the same in
// each.
func slim() toolscache.TransformFunc {
	strip := cache.TransformStripManagedFields()
	var mu sync.Mutex
	latest := map[string]string{} // by key: there are as many as the chart has files
	return func(object any) (any, error) {
		if config, ok := object.(*corev1.ConfigMap); ok {
			mu.Lock()
			defer mu.Unlock()
			for key, text := range config.Data {
				if latest[key] == text {
					config.Data[key] = latest[key]
				} else {
					latest[key] = text
				}
			}
		}
		return strip(object)
	}
}
