// Package values builds the values of the chart. It is pure.
package values

import (
	"cmp"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

var (
	// DefaultResources are those of a server for which the spec names none.
	DefaultResources       = requests("50m", "128Mi")
	defaultBackupResources = requests("50m", "128Mi")

	defaultExporterResources = requests("10m", "32Mi")
	exporterLimits           = corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("200m"),
		corev1.ResourceMemory:           resource.MustParse("128Mi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("64Mi"),
	}
)

// limitedAs adds requests and limits of what the server's container has some of: a quota may ask them of every
// container.
func limitedAs(
	server *corev1.ResourceRequirements, own corev1.ResourceRequirements, amounts corev1.ResourceList,
) corev1.ResourceRequirements {
	if server == nil {
		return own
	}
	own = *own.DeepCopy()
	own.Limits = corev1.ResourceList{}
	for name := range server.Limits {
		if amount, ok := amounts[name]; ok {
			own.Limits[name] = amount
		}
	}
	for name := range server.Requests {
		_, known := own.Requests[name]
		if amount, ok := amounts[name]; ok && !known {
			own.Requests[name] = amount
		}
	}
	return own
}

// backupResources are those of a backup where the spec names none: the scratch server of its proof may need as much as the
// server. No request is above its limit.
func backupResources(db *v1.Database) corev1.ResourceRequirements {
	if db.Spec.Resources == nil {
		return defaultBackupResources
	}
	amounts := maps.Clone(db.Spec.Resources.Requests)
	if amounts == nil {
		amounts = corev1.ResourceList{}
	}
	maps.Copy(amounts, db.Spec.Resources.Limits)
	own := limitedAs(db.Spec.Resources, defaultBackupResources, amounts)
	for name, request := range own.Requests {
		if limit, ok := own.Limits[name]; ok && limit.Cmp(request) < 0 {
			own.Requests[name] = limit
		}
	}
	return own
}

func requests(cpu, memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(cpu),
		corev1.ResourceMemory: resource.MustParse(memory),
	}}
}

// resourceValues are the requests and limits of a container as values, or those that it has where none are asked for.
func resourceValues(asked *corev1.ResourceRequirements, otherwise corev1.ResourceRequirements) (map[string]any, error) {
	if asked == nil {
		asked = &otherwise
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(asked)
}

// For builds the chart's values of the server. Of the password it knows no more than where it is, since Helm stores the
// values.
func For(
	db *v1.Database, credentials v1.SecretKeyReference, claim map[string]any, image string,
) (map[string]any, error) {
	encoding, known := CanonicalEncoding(db.Spec.Encoding)
	if !known {
		return nil, fmt.Errorf("spec.encoding %q is not an encoding that a PostgreSQL server takes", db.Spec.Encoding)
	}
	resources, err := resourceValues(db.Spec.Resources, DefaultResources)
	if err != nil {
		return nil, fmt.Errorf("spec.resources: %w", err)
	}
	values := map[string]any{
		"image":        image,
		"user":         db.Spec.User,
		"databaseName": step.DatabaseName(db),
		"encoding":     encoding,
		"credentials":  map[string]any{"secretName": credentials.Name, "key": credentials.Key},
		"storage":      claim,
		"resources":    resources,
		"labels":       map[string]any{step.LabelDatabase: db.Name},
	}
	if err := addServerOptions(values, &db.Spec.ServerOptions); err != nil {
		return nil, err
	}
	return values, nil
}

// AddExporter puts into the chart's values what the exporter needs, where there is one.
func AddExporter(values map[string]any, db *v1.Database, image string) error {
	if db.Spec.Monitoring == nil {
		return nil
	}
	resources, err := resourceValues(db.Spec.Monitoring.Resources, limitedAs(db.Spec.Resources, defaultExporterResources, exporterLimits))
	if err != nil {
		return fmt.Errorf("spec.monitoring.resources: %w", err)
	}
	values["exporter"] = map[string]any{
		"image":      cmp.Or(db.Spec.Monitoring.Image, image),
		"secretName": step.ExporterName(db),
		"resources":  resources,
	}
	return nil
}

// Backup are the chart's values for backups and for the dump to begin with. Without either there are none, so
// that a Database without backups has the values, and the release, that it had before there were any.
func Backup(db *v1.Database, claim map[string]any, from v1.DatabaseRestore) (map[string]any, error) {
	values := map[string]any{}
	if spec := db.Spec.Backup; spec != nil {
		resources, err := resourceValues(spec.Resources, backupResources(db))
		if err != nil {
			return nil, fmt.Errorf("spec.backup.resources: %w", err)
		}
		backup := map[string]any{
			"name":      db.Name,
			"schedule":  spec.Schedule,
			"timeZone":  spec.TimeZone,
			"suspend":   ptr.Deref(spec.Suspend, false),
			"retain":    int64(spec.Retain),
			"resources": resources,
			"storage":   claim,
		}
		if spec.Verification == v1.VerificationRead {
			backup["verification"] = string(spec.Verification)
		}
		values["backup"] = backup
	}
	if from.Database != "" {
		values["restore"] = map[string]any{"from": from.Database, "dump": from.Dump}
	}
	return values, nil
}
