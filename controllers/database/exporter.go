package database

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// exporterRole is the role by which the exporter logs in: files/exporter.sql of the chart.
const exporterRole = "database_exporter"

// addExporter puts into the chart's values what the exporter needs, where there is one.
func addExporter(values map[string]any, db *v1.Database, image string) error {
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

// newExporterSecret makes the Secret with the password of the exporter's role. Pods take an immutable Secret as it is when
// they start: so the server and the exporter beside it always have the same password.
func newExporterSecret(db *v1.Database) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:            step.ExporterName(db),
			Namespace:       db.Namespace,
			Labels:          step.OwnLabels(db),
			OwnerReferences: step.OwnedBy(db),
		},
		Type:      corev1.SecretTypeBasicAuth,
		Data:      map[string][]byte{step.UsernameKey: []byte(exporterRole), step.PasswordKey: []byte(rand.Text())},
		Immutable: ptr.To(true),
	}
}

// ensureExporter sees to it that the password of the exporter's role is there. Nobody else needs it, so it goes with the
// Database whatever becomes of the data.
func (r *Reconciler) ensureExporter(ctx context.Context, db *v1.Database) (*step.Problem, error) {
	if db.Spec.Monitoring == nil {
		return nil, nil
	}
	secret := newExporterSecret(db)
	key := client.ObjectKeyFromObject(secret)
	err := r.Client.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		if err = r.Client.Create(ctx, secret); apierrors.IsAlreadyExists(err) {
			// One that was just made, or one without our labels.
			err = r.APIReader.Get(ctx, key, secret)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("get or create Secret %s: %w", key.Name, err)
	}
	if !step.Belongs(secret, db) {
		return step.NewProblem(v1.ReasonNameConflict, "Secret %s is not this Database's, and is left alone: remove or rename it, "+
			"or remove spec.monitoring", key.Name), nil
	}
	return nil, nil
}
