// Package at turns a due At into a Job, and the Job's story into the At's status.
package at

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cached"
	"example.com/cnat-operator/internal/clockwatch"
	"example.com/cnat-operator/internal/write"
)

const (
	// What fails is tried again after 100 ms, then after twice the time each
	// time, up to a minute: what a user fixes is noticed soon.
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
	// maxSteps bounds what is done about an At before others get their turn.
	maxSteps = 12
)

// Reconciler runs each At once. All fields but Workers and DefaultTTL are required.
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
	// Workers is the number of Ats that are reconciled side by side. Default: 1.
	Workers int
	// DefaultTTL is how long an At is kept that is over and has no
	// ttlSecondsAfterFinished; nil: for ever.
	DefaultTTL *time.Duration

	census   *census  // of the Ats in the cache; nil: there is none
	refusals refusals // of Jobs
	accepted accepted // Jobs, by dry runs

	// Ats that are to be tried, and that were; nil: they are tried at once.
	untried, tried chan event.GenericEvent
}

// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/status,verbs=patch
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/finalizers,verbs=update
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// CachedObjects are the objects that the cache must hold for the Reconciler,
// and which of them: those that the operator made, without managedFields.
func CachedObjects() map[client.Object]cache.ByObject {
	own := cache.ByObject{
		Label:     labels.SelectorFromSet(labels.Set{labelPartOf: partOf}),
		Transform: cache.TransformStripManagedFields(),
	}
	pods := own
	pods.Transform = cached.Pod
	all := cachedEvents()
	all[&batchv1.Job{}], all[&corev1.Pod{}] = cache.ByObject{Label: own.Label, Transform: cached.Job}, pods
	all[&cnatv1.At{}] = cache.ByObject{Transform: cached.At}
	return all
}

// SetupWithManager registers the Reconciler: an At is looked at when it, its
// Job or its pod changes, when it is due, and when the wall clock was stepped.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.census = newCensus(r.forget)
	if err := r.census.watch(mgr.GetCache()); err != nil {
		return err
	}
	if err := indexEvents(context.Background(), mgr); err != nil {
		return err
	}
	if err := RegisterMetrics(r.census); err != nil {
		return err
	}
	if err := mgr.Add(&upgrade{mgr.GetClient(), mgr.GetAPIReader(), r.Clock}); err != nil {
		return fmt.Errorf("adding the upgrade from 0.2.0: %w", err)
	}
	steps, err := clockwatch.Add(mgr, r.Clock, func() client.ObjectList { return &cnatv1.AtList{} }, waits)
	if err != nil {
		return err
	}
	if err := r.setupTries(mgr); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("at").
		Watches(&cnatv1.At{}, &atHandler{r.Clock, priorityOf}).
		Watches(&batchv1.Job{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &cnatv1.At{}, handler.OnlyControllerOwner())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(atOfPod)).
		Watches(&corev1.Event{}, handler.EnqueueRequestsFromMapFunc(r.atOfEvent)).
		Watches(&eventsv1.Event{}, handler.EnqueueRequestsFromMapFunc(r.atOfEvent)).
		WatchesRawSource(source.Channel(steps.Stepped, &atHandler{r.Clock, priorityOf})).
		WatchesRawSource(source.Channel(r.tried, &atHandler{r.Clock, priorityOf})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
}

// forget is for an At that is deleted.
func (r *Reconciler) forget(uid types.UID) {
	r.refusals.forget(uid)
	r.accepted.forget(uid)
}

// waits reports whether an object is an At that may still start.
func waits(object client.Object) bool {
	at, ok := object.(*cnatv1.At)
	return ok && !at.Status.Finished()
}

func atOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name, ok := pod.GetAnnotations()[atAnnotation]
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// Reconcile brings one At on as far as it can be now. In each round it reads,
// decides, acts by one write at most, and reports last.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	now := r.Clock.Now()
	seen, err := r.read(ctx, r.Client, req.NamespacedName)
	for range maxSteps {
		if err != nil || seen == nil {
			break
		}
		next := decide(now, *seen)
		if next.onlyLive(seen) && !seen.live {
			seen, err = r.read(ctx, r.APIReader, req.NamespacedName)
			continue
		}
		if err = r.act(ctx, next, seen); err == nil {
			err = r.report(ctx, now, next, seen)
		}
		if err == nil && !next.goesOn(seen) {
			return r.after(now, next), nil
		}
	}
	if errors.Is(err, write.ErrStale) || err == nil && seen != nil {
		return ctrl.Result{RequeueAfter: firstRetry}, nil // the cache will have caught up
	}
	return ctrl.Result{}, err
}

// after is when the At is looked at again: no later for the time that all took.
func (r *Reconciler) after(now time.Time, next plan) ctrl.Result {
	if next.wait > 0 {
		next.wait = max(next.wait-r.Clock.Since(now), 1)
	}
	return ctrl.Result{RequeueAfter: next.wait, Priority: next.priority()}
}
