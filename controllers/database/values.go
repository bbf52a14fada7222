package database

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "example.com/cnat-operator/api/database/v1"
)

var (
	defaultSize = resource.MustParse("1Gi")

	defaultResources = corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("50m"),
		corev1.ResourceMemory: resource.MustParse("128Mi"),
	}}
)

// valuesFor makes the chart's values. Of the password it knows no more than where it is, since Helm stores the values.
func valuesFor(
	db *v1.Database, credentials v1.SecretKeyReference, size resource.Quantity, image string,
) (map[string]any, error) {
	encoding, known := canonicalEncoding(db.Spec.Encoding)
	if !known {
		return nil, fmt.Errorf("spec.encoding %q is not an encoding that a PostgreSQL server takes", db.Spec.Encoding)
	}
	requirements := defaultResources
	if db.Spec.Resources != nil {
		requirements = *db.Spec.Resources
	}
	resources, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&requirements)
	if err != nil {
		return nil, fmt.Errorf("spec.resources: %w", err)
	}
	storage := map[string]any{"size": size.String()}
	if db.Spec.Storage.StorageClassName != "" {
		storage["storageClassName"] = db.Spec.Storage.StorageClassName
	}
	values := map[string]any{
		"image":        image,
		"user":         db.Spec.User,
		"databaseName": databaseName(db),
		"encoding":     encoding,
		"credentials":  map[string]any{"secretName": credentials.Name, "key": credentials.Key},
		"storage":      storage,
		"resources":    resources,
		"labels":       map[string]any{labelDatabase: db.Name},
	}
	if err := addServerOptions(values, &db.Spec.ServerOptions); err != nil {
		return nil, err
	}
	return values, nil
}
