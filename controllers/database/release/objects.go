package release

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/dbname"
	"example.com/cnat-operator/internal/helm"
)

// ChartObjects are all objects that the chart can create for a Database, whatever its spec. The operator writes no other
// object by way of a release, whatever is stored of that.
func ChartObjects(db client.Object) []helm.ID {
	name := db.GetName()
	release := dbname.Release(name)
	return []helm.ID{
		{GroupVersionKind: networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), Name: release},
		{GroupVersionKind: policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), Name: release},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("ServiceAccount"), Name: release},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("ConfigMap"), Name: release + "-config"},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), Name: release + "-data"},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), Name: dbname.Backup(name)},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Service"), Name: release},
		{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Service"), Name: release + "-headless"},
		{GroupVersionKind: appsv1.SchemeGroupVersion.WithKind("StatefulSet"), Name: release},
		{GroupVersionKind: batchv1.SchemeGroupVersion.WithKind("CronJob"), Name: dbname.Backup(name)},
	}
}
