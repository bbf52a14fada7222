package cached

import (
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// foundBy are the labels by which the controllers find objects in the cache.
var foundBy = []string{
	"app.kubernetes.io/component", "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of", batchv1.ControllerUidLabel,
	"example.com/database", "example.com/retained", "kueue.x-k8s.io/queue-name",
	"stable.example.com/crontab", "stable.example.com/generation", "stable.example.com/released", "stable.example.com/revision",
	"stable.example.com/scheduled",
}

// maxOwner is how long an owner that is kept may be, with its kind and UID.
const maxOwner = 512

// Bounded is an object as it may be cached. Whoever may label an object can put it into the cache, and any number of them:
// of one that is larger than the limit only that is kept by which it is found, so that it is not as it should be.
func Bounded(object client.Object, limit int) client.Object {
	if sized, ok := object.(interface{ Size() int }); !ok || sized.Size() <= limit {
		return object
	}
	small, ok := reflect.New(reflect.TypeOf(object).Elem()).Interface().(client.Object)
	if !ok {
		return object
	}
	small.SetNamespace(object.GetNamespace())
	small.SetName(object.GetName())
	small.SetUID(object.GetUID())
	small.SetResourceVersion(object.GetResourceVersion())
	small.SetGeneration(object.GetGeneration())
	small.SetCreationTimestamp(object.GetCreationTimestamp())
	small.SetDeletionTimestamp(object.GetDeletionTimestamp())
	kept := map[string]string{}
	for _, name := range foundBy {
		if value, found := object.GetLabels()[name]; found {
			kept[name] = value
		}
	}
	small.SetLabels(kept)
	small.SetOwnerReferences(controllerOf(object))
	return small
}
