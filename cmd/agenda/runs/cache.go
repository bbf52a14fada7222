package runs

import (
	"errors"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// Scheme has the kinds that runs are computed from, Databases, and Secrets, one of which has the server's certificate.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(cnatv1.AddToScheme(scheme), crontabv1.AddToScheme(scheme),
		databasev1.AddToScheme(scheme), batchv1.AddToScheme(scheme), corev1.AddToScheme(scheme))
}

// CacheOptions are those of the cache that runs are computed from: it keeps no more of an object than that needs.
func CacheOptions() cache.Options {
	return cache.Options{DefaultTransform: slim, ReaderFailOnMissingInformer: true}
}

// Kinds are the objects that runs are computed from.
func Kinds() []client.Object {
	return []client.Object{&cnatv1.At{}, &crontabv1.CronTab{}, &batchv1.CronJob{}}
}

func newLists() (*cnatv1.AtList, *crontabv1.CronTabList, *batchv1.CronJobList) {
	return &cnatv1.AtList{}, &crontabv1.CronTabList{}, &batchv1.CronJobList{}
}

// slim drops what an object is to run, which may be 1 MB, and all metadata that tells nothing of when.
func slim(object any) (any, error) {
	if meta, ok := object.(metav1.Object); ok {
		meta.SetManagedFields(nil)
		meta.SetAnnotations(nil)
		meta.SetLabels(nil)
		meta.SetFinalizers(nil)
	}
	switch object := object.(type) {
	case *cnatv1.At:
		object.Spec.Containers, object.Spec.Command, object.Spec.Template = nil, "", nil
		object.Status.Conditions = nil
	case *crontabv1.CronTab:
		object.Spec.Containers, object.Spec.Command, object.Spec.Template = nil, "", nil
		object.Status.Conditions = nil
	case *batchv1.CronJob:
		object.Spec.JobTemplate = batchv1.JobTemplateSpec{}
		object.Status.Active = nil
	}
	return object, nil
}
