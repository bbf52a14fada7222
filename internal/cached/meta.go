package cached

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMeta is how many bytes are cached of each of an object's labels, owners and finalizers: what is in use has hundreds.
const maxMeta = 4 << 10

// domain is that of the operator's own finalizers.
const domain = "cnat.programming-kubernetes.info/"

// boundMeta bounds what whoever may edit an object can write into its metadata, other than annotations. Of labels and owners
// that are too large it keeps those by which the object is found; of finalizers the operator's and one other, so that there
// are seen to be others: a list that is not whole must not be written back.
func boundMeta(meta *metav1.ObjectMeta) {
	meta.ManagedFields = nil
	size := 0
	for name, value := range meta.Labels {
		size += len(name) + len(value)
	}
	if size > maxMeta {
		maps.DeleteFunc(meta.Labels, func(name, _ string) bool { return !slices.Contains(foundBy, name) })
	}
	size = 0
	for _, owner := range meta.OwnerReferences {
		size += len(owner.APIVersion) + len(owner.Kind) + len(owner.Name) + len(owner.UID)
	}
	if size > maxMeta {
		meta.OwnerReferences = controllerOf(meta)
	}
	size, other := 0, false
	for _, finalizer := range meta.Finalizers {
		size += len(finalizer)
	}
	if size > maxMeta {
		meta.Finalizers = slices.DeleteFunc(meta.Finalizers, func(finalizer string) bool {
			if strings.HasPrefix(finalizer, domain) && len(finalizer) <= maxOwner {
				return false
			}
			dropped := other
			other = true
			return dropped
		})
	}
}

// controllerOf is the owner that an object is found by, if its name is none that somebody made up to be long.
func controllerOf(object metav1.Object) []metav1.OwnerReference {
	owner := metav1.GetControllerOf(object)
	if owner == nil || len(owner.APIVersion)+len(owner.Kind)+len(owner.Name)+len(owner.UID) > maxOwner {
		return nil
	}
	return []metav1.OwnerReference{*owner}
}
