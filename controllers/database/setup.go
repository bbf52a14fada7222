package database

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/server"
)

const (
	defaultConcurrency = 4

	// The wait after an error grows from the first to the second.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Minute
)

// ownedKinds are the kinds of the objects that the operator and the chart make, and of the pods that come of them.
func ownedKinds() []client.Object {
	return []client.Object{
		&appsv1.StatefulSet{},
		&corev1.ConfigMap{},
		&corev1.PersistentVolumeClaim{},
		&corev1.Pod{},
		&corev1.Secret{},
		&corev1.Service{},
		&corev1.ServiceAccount{},
		&networkingv1.NetworkPolicy{},
		&policyv1.PodDisruptionBudget{},
		&batchv1.CronJob{},
		&batchv1.Job{},
	}
}

// SetupWithManager registers the reconciler and what it watches.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if r.Clock == nil {
		r.Clock = clock.RealClock{}
	}
	concurrency := r.MaxConcurrentReconciles
	if concurrency == 0 {
		concurrency = defaultConcurrency
	}
	build := ctrl.NewControllerManagedBy(mgr).
		Named("database").
		// The status is our own: a write of it is no reason to look again. An annotation asks for a backup.
		For(&v1.Database{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
		))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
				firstRetry, lastRetry),
		})
	for _, kind := range ownedKinds() {
		build = build.Watches(kind, ownedHandler{})
	}
	crashes, err := r.cacheCrashes(mgr)
	if err != nil {
		return err
	}
	if err := RegisterMetrics(mgr.GetClient()); err != nil {
		return err
	}
	build = build.WatchesRawSource(source.Kind(crashes, &corev1.Event{}, handler.TypedEnqueueRequestsFromMapFunc(server.CrashedDatabase)))
	if err := build.Complete(r); err != nil {
		return fmt.Errorf("set up the Database controller: %w", err)
	}
	return nil
}

// cacheCrashes adds a cache to the manager. Its own has the events of other controllers, by other selectors.
func (r *Reconciler) cacheCrashes(mgr ctrl.Manager) (cache.Cache, error) {
	crashes, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultNamespaces: r.Namespaces,
		ByObject: map[client.Object]cache.ByObject{&corev1.Event{}: server.CachedCrashes()},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the cache of crashes: %w", err)
	}
	r.crashes = crashes
	if err := mgr.Add(crashes); err != nil {
		return nil, fmt.Errorf("add the cache of crashes: %w", err)
	}
	return crashes, nil
}
