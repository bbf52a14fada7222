package monitoring

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// monitorAPI is the Prometheus operator's, which a cluster need not have. The ServiceMonitor is not one of the chart's
// objects: Helm could neither upgrade nor uninstall a release with an object whose API was removed. Nor is it cached or
// watched, since a watch of what is not there would keep the operator from starting.
var monitorAPI = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}

// monitorRecheck is after what time the API is looked for again where it is not there: by one request, whose answer is
// taken for all Databases.
const monitorRecheck = time.Minute

// Monitor is what there is of the ServiceMonitor.
type Monitor struct {
	// asked: it was read, have is what there is, and noAPI says that the API is not there.
	asked, noAPI bool
	have         *unstructured.Unstructured
	// wait is after what time the API is asked for again.
	wait time.Duration
}

// MonitorDecision says what is to be done about the ServiceMonitor.
type MonitorDecision struct {
	// Done: it is as the spec asks, or the API is not there.
	Done bool
	// Settled: it was read or written, so that it need not be again for this generation.
	Settled bool
	// NoAPI: the API is not there.
	NoAPI   bool
	Problem *step.Problem
	Recheck time.Duration

	create, patch, remove *unstructured.Unstructured
}

// newServiceMonitor shows Prometheus where the exporter is: at the port of the governing Service.
func newServiceMonitor(db *v1.Database) *unstructured.Unstructured {
	monitor := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"selector": map[string]any{"matchLabels": map[string]any{
			"app.kubernetes.io/instance": step.ReleaseName(db),
			step.LabelDatabase:           db.Name,
		}},
		"endpoints": []any{map[string]any{
			"port":     "metrics",
			"interval": fmt.Sprintf("%ds", db.Spec.Monitoring.IntervalSeconds),
		}},
	}}}
	monitor.SetGroupVersionKind(monitorAPI)
	monitor.SetNamespace(db.Namespace)
	monitor.SetName(step.ReleaseName(db))
	monitor.SetLabels(step.OwnLabels(db))
	monitor.SetOwnerReferences(step.OwnedBy(db))
	return monitor
}

// ObserveMonitor reads the ServiceMonitor, once for each generation of the Database in the operator's life, so that a
// pass with nothing to do costs no request. Settled is the last generation for which it was, and wait for how long the
// API is still taken as missing.
func ObserveMonitor(
	ctx context.Context, live client.Reader, db *v1.Database, settled int64, wait time.Duration,
) (Monitor, error) {
	// It may have been there before this process began, or in an earlier generation that did not get as far as this.
	if settled == db.Generation || db.Spec.Monitoring == nil && settled == 0 && !monitoredBefore(db) {
		return Monitor{}, nil
	}
	if wait > 0 {
		return Monitor{wait: wait}, nil
	}
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(monitorAPI)
	err := live.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: step.ReleaseName(db)}, have)
	switch {
	case meta.IsNoMatchError(err):
		return Monitor{asked: true, noAPI: true}, nil
	case apierrors.IsNotFound(err):
		return Monitor{asked: true}, nil
	case err != nil:
		return Monitor{}, fmt.Errorf("ServiceMonitor %s: %w", step.ReleaseName(db), err)
	}
	return Monitor{asked: true, have: have}, nil
}

// monitoredBefore reports whether a ServiceMonitor may have to be deleted: not for a Database that is new, or whose
// generation was acted on.
func monitoredBefore(db *v1.Database) bool {
	return db.Status.ObservedGeneration > 0 && db.Status.ObservedGeneration != db.Generation
}

// DecideMonitor decides whether the ServiceMonitor is to be created, changed or deleted. One of another Database of the
// name is left alone.
func DecideMonitor(db *v1.Database, seen Monitor) MonitorDecision {
	done := MonitorDecision{Done: true, Settled: true}
	switch {
	case !seen.asked:
		return MonitorDecision{Done: true, Recheck: seen.wait}
	case seen.noAPI:
		return MonitorDecision{Done: true, NoAPI: true, Recheck: monitorRecheck}
	case seen.have == nil && db.Spec.Monitoring != nil:
		done.create = newServiceMonitor(db)
	case seen.have == nil:
	case !metav1.IsControlledBy(seen.have, db):
		if db.Spec.Monitoring != nil {
			return MonitorDecision{Recheck: step.SecretRecheck, Problem: step.NewProblem(v1.ReasonNameConflict,
				"ServiceMonitor %s is not this Database's, and is left alone: remove or rename it", seen.have.GetName())}
		}
	case db.Spec.Monitoring == nil:
		done.remove = seen.have
	default:
		if want := newServiceMonitor(db); !step.Covers(seen.have.Object, want.Object) {
			done.patch = want
		}
	}
	return done
}

// Act writes or deletes the ServiceMonitor. An error of "no match" or "not found" says that the API is not there.
func (d *MonitorDecision) Act(ctx context.Context, c client.Client) error {
	var err error
	switch {
	case d.create != nil:
		err = c.Create(ctx, d.create)
	case d.patch != nil:
		err = c.Patch(ctx, d.patch, client.Merge)
	case d.remove != nil:
		err = client.IgnoreNotFound(c.Delete(ctx, d.remove, client.Preconditions{UID: ptr.To(d.remove.GetUID())}))
	}
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		*d = MonitorDecision{Done: true, NoAPI: true, Recheck: monitorRecheck}
		return nil
	}
	if err != nil {
		object := cmp.Or(d.create, d.patch, d.remove)
		*d = MonitorDecision{}
		return fmt.Errorf("ServiceMonitor %s: %w", object.GetName(), err)
	}
	return nil
}

// MissingAPI remembers until when the API is taken as missing.
type MissingAPI struct {
	mu    sync.Mutex
	until time.Time
}

// Wait is how long the API is still taken as missing.
func (m *MissingAPI) Wait(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return min(m.until.Sub(now), monitorRecheck)
}

// Miss notes that the API is missing.
func (m *MissingAPI) Miss(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until = now.Add(monitorRecheck)
}
