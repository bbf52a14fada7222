// Package crontab runs an At at each time of a CronTab.
package crontab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
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

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/clockwatch"
	"example.com/cnat-operator/internal/write"
)

const (
	// What fails is tried again after 100 ms, then after twice the time each time, up to a minute.
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
	// refusedRetry is after what time an At that was refused is tried again.
	refusedRetry = 15 * time.Second
	// maxSleep bounds how long a CronTab is left alone.
	maxSleep = time.Hour
	// maxSteps bounds what is done about a CronTab before others get their turn.
	maxSteps = 20

	// ownerIndex finds Ats by the UID of the CronTab that owns them, dueIndex CronTabs by when the next run is scheduled.
	ownerIndex = "owner"
	dueIndex   = "due"
)

// Reconciler starts the runs of CronTabs. All fields but Workers are required.
type Reconciler struct {
	// Client reads from the cache and writes to the API server.
	Client client.Client
	// APIReader reads from the API server, for what the cache may not know yet.
	APIReader client.Reader
	// Recorder sends events.
	Recorder events.EventRecorder
	// Clock is the wall clock.
	Clock clock.WithTicker
	// CommandImage is the image that runs spec.command; it must have sh.
	CommandImage string
	// Workers is the number of CronTabs that are reconciled side by side. Default: 1.
	Workers int
}

// +kubebuilder:rbac:groups=stable.example.com,resources=crontabs,verbs=get;list;watch
// +kubebuilder:rbac:groups=stable.example.com,resources=crontabs/status,verbs=patch
// +kubebuilder:rbac:groups=stable.example.com,resources=crontabs/finalizers,verbs=update
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// CachedObjects are the objects that the cache must hold for the Reconciler, besides those of the At controller.
func CachedObjects() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{&v1.CronTab{}: {Transform: slim}}
}

// SetupWithManager registers the Reconciler: a CronTab is looked at when it or one of its Ats changes, and at the times
// that the policies depend on.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	indexer := mgr.GetFieldIndexer()
	if err := indexer.IndexField(context.Background(), &cnatv1.At{}, ownerIndex, ownerOf); err != nil {
		return fmt.Errorf("indexing the Ats by their owner: %w", err)
	}
	if err := indexer.IndexField(context.Background(), &v1.CronTab{}, dueIndex, dueOf); err != nil {
		return fmt.Errorf("indexing the CronTabs by their time: %w", err)
	}
	if err := registerMetrics(); err != nil {
		return err
	}
	all := func(client.Object) bool { return true }
	steps, err := clockwatch.Add(mgr, r.Clock, func() client.ObjectList { return &v1.CronTabList{} }, all)
	if err != nil {
		return err
	}
	changed := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("crontab").
		For(&v1.CronTab{}, builder.WithPredicates(changed)).
		Owns(&cnatv1.At{}).
		WatchesRawSource(source.Channel(steps.Stepped, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
}

func ownerOf(object client.Object) []string {
	if owner := metav1.GetControllerOf(object); owner != nil && owner.Kind == "CronTab" {
		return []string{string(owner.UID)}
	}
	return nil
}

func dueOf(object client.Object) []string {
	if tab, ok := object.(*v1.CronTab); ok && tab.Status.Next != nil {
		return []string{strconv.FormatInt(tab.Status.Next.ScheduledTime.Unix(), 10)}
	}
	return nil
}

// Reconcile brings one CronTab on as far as it can be now. In each round it decides, acts by one write at most, and
// reports last.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	seen, err := r.read(ctx, req.NamespacedName)
	for range maxSteps {
		if err != nil || seen == nil {
			break
		}
		now := r.Clock.Now()
		next := decide(now, seen)
		if err = r.act(ctx, next, seen); err == nil && next.reports(seen) {
			err = r.report(ctx, now, next, seen)
		}
		if err == nil && !next.goesOn(seen) {
			return r.after(now, next, seen), nil
		}
	}
	if errors.Is(err, write.ErrStale) || err == nil && seen != nil {
		return ctrl.Result{RequeueAfter: firstRetry}, nil // the cache will have caught up
	}
	return ctrl.Result{}, err
}

// after is when the CronTab is looked at again: no later for the time that all took.
func (r *Reconciler) after(now time.Time, next plan, seen *snapshot) ctrl.Result {
	if seen.refusal != nil {
		return ctrl.Result{RequeueAfter: refusedRetry}
	}
	if next.wait > 0 {
		next.wait = max(min(next.wait, maxSleep)-r.Clock.Since(now), 1)
	}
	return ctrl.Result{RequeueAfter: next.wait}
}
