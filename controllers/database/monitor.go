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
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
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
	problem *problem
	recheck time.Duration
}

// newServiceMonitor tells Prometheus where the exporter is: at the port of the governing Service.
func newServiceMonitor(db *v1.Database) *unstructured.Unstructured {
	monitor := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"selector": map[string]any{"matchLabels": map[string]any{
			"app.kubernetes.io/instance": releaseName(db),
			labelDatabase:                db.Name,
		}},
		"endpoints": []any{map[string]any{
			"port":     "metrics",
			"interval": fmt.Sprintf("%ds", db.Spec.Monitoring.IntervalSeconds),
		}},
	}}}
	monitor.SetGroupVersionKind(monitorAPI)
	monitor.SetNamespace(db.Namespace)
	monitor.SetName(releaseName(db))
	monitor.SetLabels(ownLabels(db))
	monitor.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(db, v1.GroupVersion.WithKind("Database"))})
	return monitor
}

// ensureServiceMonitor makes, changes or deletes the ServiceMonitor, once for each generation of the Database in the
// operator's life, so that a pass with nothing to do costs no request. That it fails keeps nothing else from being done.
func (r *Reconciler) ensureServiceMonitor(ctx context.Context, db *v1.Database) serviceMonitor {
	if db.Spec.Monitoring == nil && (db.Status.ObservedGeneration == 0 || db.Status.ObservedGeneration == db.Generation) {
		return serviceMonitor{} // there was none before, or it was taken care of
	}
	now := r.Clock.Now()
	if done, wait := r.monitors.seen(db, now); done || wait > 0 {
		return serviceMonitor{recheck: wait}
	}
	found, err := r.applyServiceMonitor(ctx, db)
	switch {
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		r.monitors.miss(now)
		return serviceMonitor{recheck: monitorRecheck}
	case err != nil:
		found = newProblem(v1.ReasonMonitoringFailed, "ServiceMonitor %s: %v", releaseName(db), err)
	}
	if found != nil {
		found.serving = true
		return serviceMonitor{problem: found, recheck: secretRecheck}
	}
	r.monitors.remember(db)
	return serviceMonitor{}
}

// applyServiceMonitor brings the ServiceMonitor to what the spec asks for. An error of "no match" or "not found" says that
// the API is not there.
func (r *Reconciler) applyServiceMonitor(ctx context.Context, db *v1.Database) (*problem, error) {
	have := &unstructured.Unstructured{}
	have.SetGroupVersionKind(monitorAPI)
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: releaseName(db)}, have)
	missing := apierrors.IsNotFound(err)
	switch {
	case err != nil && !missing:
		return nil, err
	case missing && db.Spec.Monitoring == nil:
		return nil, nil
	case missing:
		return nil, r.Client.Create(ctx, newServiceMonitor(db))
	case have.GetLabels()[labelManagedBy] != partOf || have.GetLabels()[labelDatabase] != db.Name:
		if db.Spec.Monitoring == nil {
			return nil, nil
		}
		return newProblem(v1.ReasonNameConflict, "ServiceMonitor %s is not this Database's, and is left alone: "+
			"remove or rename it", have.GetName()), nil
	case db.Spec.Monitoring == nil:
		return nil, client.IgnoreNotFound(r.Client.Delete(ctx, have))
	}
	want := newServiceMonitor(db)
	if covers(have.Object, want.Object) {
		return nil, nil
	}
	return nil, r.Client.Patch(ctx, want, client.Merge)
}

// monitors remembers for which generation of each Database the ServiceMonitor was last seen to, and until when the API is
// taken as missing.
type monitors struct {
	mu      sync.Mutex
	done    map[types.UID]int64
	missing time.Time
}

// seen tells whether the generation was seen to, and for how long not to look for the API.
func (m *monitors) seen(db *v1.Database, now time.Time) (done bool, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation, known := m.done[db.UID]; known && generation == db.Generation {
		return true, 0
	}
	return false, max(m.missing.Sub(now), 0)
}

func (m *monitors) remember(db *v1.Database) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		m.done = map[types.UID]int64{}
	}
	m.done[db.UID] = db.Generation
}

func (m *monitors) miss(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing = now.Add(monitorRecheck)
}

func (m *monitors) forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.done, uid)
}
