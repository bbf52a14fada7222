// Package monitoring sees to what Prometheus needs: the password of the exporter's role, and the ServiceMonitor.
package monitoring

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// exporterRole is the role by which the exporter logs in: files/exporter.sql of the chart.
const exporterRole = "database_exporter"

// Exporter says what is to be done about the Secret with the password of the exporter's role.
type Exporter struct {
	Problem *step.Problem
	Recheck time.Duration

	// secret is to be created; nil: none.
	secret *corev1.Secret
}

// ObserveExporter reads the Secret, and returns nil where there is none.
func ObserveExporter(ctx context.Context, cached, live client.Reader, db *v1.Database) (*corev1.Secret, error) {
	if db.Spec.Monitoring == nil {
		return nil, nil
	}
	return step.FindSecret(ctx, db, step.ExporterName(db), cached, live)
}

// DecideExporter decides whether the Secret is to be created. Nobody else needs it, so it goes with the Database
// whatever becomes of the data.
func DecideExporter(db *v1.Database, have *corev1.Secret, generate func() string) Exporter {
	switch {
	case db.Spec.Monitoring == nil:
		return Exporter{}
	case have == nil:
		return Exporter{secret: newSecret(db, generate())}
	case !step.Belongs(have, db):
		return Exporter{
			Problem: step.NewProblem(v1.ReasonNameConflict,
				"Secret %s is not this Database's, and is left alone: remove or rename it, or remove spec.monitoring", have.Name),
			Recheck: step.SecretRecheck,
		}
	}
	return Exporter{}
}

// Act creates the Secret.
func (e Exporter) Act(ctx context.Context, c client.Client) error {
	return step.WriteSecret(ctx, c, nil, e.secret)
}

// newSecret is the Secret with the password of the exporter's role. Pods take an immutable Secret as it is when they
// start: so the server and the exporter beside it always have the same password.
func newSecret(db *v1.Database, password string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: step.ExporterName(db), Namespace: db.Namespace, Labels: step.OwnLabels(db), OwnerReferences: step.OwnedBy(db),
		},
		Type:      corev1.SecretTypeBasicAuth,
		Data:      map[string][]byte{step.UsernameKey: []byte(exporterRole), step.PasswordKey: []byte(password)},
		Immutable: ptr.To(true),
	}
}
