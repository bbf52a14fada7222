package cached

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// At transforms an At on its way into the cache, without what it is to run, which may be 1 MB: that is read live for the
// one moment that it is needed. An At of the cache can be patched, but not updated.
func At(object any) (any, error) {
	if at, ok := object.(*cnatv1alpha1.At); ok {
		at.ManagedFields = nil
		at.Annotations = nil // kubectl keeps a copy of all there
		at.Spec.Containers, at.Spec.Command, at.Spec.Template = nil, "", nil
	}
	return object, nil
}

// Job transforms a Job likewise: without its pod.
func Job(object any) (any, error) {
	if job, ok := object.(*batchv1.Job); ok {
		job.ManagedFields = nil
		job.Spec.Template = corev1.PodTemplateSpec{}
	}
	return object, nil
}
