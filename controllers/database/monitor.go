package database

import (
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

// serviceMonitor is what came of a ServiceMonitor.
type serviceMonitor struct {
	// done: it is as the spec asks, or the API is not there.
	done    bool
	problem *step.Problem
	recheck time.Duration
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

// ensureServiceMonitor creates, changes or deletes the ServiceMonitor, once for each generation of the Database in the
// operator's life, so that a pass with nothing to do costs no request.
func (r *Reconciler) ensureServiceMonitor(ctx context.Context, p *pass) (serviceMonitor, error) {
	// It may have been there before this process began, or in an earlier generation that did not get as far as this.
	if p.track.monitored == p.db.Generation || p.db.Spec.Monitoring == nil && p.track.monitored == 0 && !monitoredBefore(p.db) {
		return serviceMonitor{done: true}, nil
	}
	if wait := r.monitorAPI.wait(p.now); wait > 0 {
		return serviceMonitor{done: true, recheck: wait}, nil
	}
	found, err := r.applyServiceMonitor(ctx, p.db)
	switch {
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		r.monitorAPI.miss(p.now)
		return serviceMonitor{done: true, recheck: monitorRecheck}, nil
	case err != nil:
		return serviceMonitor{recheck: step.SecretRecheck}, fmt.Errorf("ServiceMonitor %s: %w", step.ReleaseName(p.db), err)
	case found != nil:
		return serviceMonitor{problem: found, recheck: step.SecretRecheck}, nil
	}
	p.track.monitored = p.db.Generation
	return serviceMonitor{done: true}, nil
}

// monitoredBefore reports whether a ServiceMonitor may have to be deleted: not for a Database that is new, or whose
// generation was acted on.
func monitoredBefore(db *v1.Database) bool {
	return db.Status.ObservedGeneration > 0 && db.Status.ObservedGeneration != db.Generation
}

// applyServiceMonitor brings the ServiceMonitor to what the spec asks for. An error of "no match" or "not found" says that
// the API is not there.
func (r *Reconciler) applyServiceMonitor(ctx context.Context, db *v1.Database) (*step.Problem, error) {
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(monitorAPI)
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: step.ReleaseName(db)}, have)
	missing := apierrors.IsNotFound(err)
	switch {
	case err != nil && !missing:
		return nil, err
	case missing && db.Spec.Monitoring == nil:
		return nil, nil
	case missing:
		return nil, r.Client.Create(ctx, newServiceMonitor(db))
	case !metav1.IsControlledBy(have, db):
		if db.Spec.Monitoring == nil {
			return nil, nil
		}
		return step.NewProblem(v1.ReasonNameConflict, "ServiceMonitor %s is not this Database's, and is left alone: "+
			"remove or rename it", have.GetName()), nil
	case db.Spec.Monitoring == nil:
		return nil, client.IgnoreNotFound(r.Client.Delete(ctx, have, client.Preconditions{UID: ptr.To(have.GetUID())}))
	}
	want := newServiceMonitor(db)
	if step.Covers(have.Object, want.Object) {
		return nil, nil
	}
	return nil, r.Client.Patch(ctx, want, client.Merge)
}

// missingAPI remembers until when the API is taken as missing.
type missingAPI struct {
	mu    sync.Mutex
	until time.Time
}

func (m *missingAPI) wait(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return min(m.until.Sub(now), monitorRecheck)
}

func (m *missingAPI) miss(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until = now.Add(monitorRecheck)
}
