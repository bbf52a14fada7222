// Package at turns a due At into a Job, and the Job's story into the At's status.
package at

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	"example.com/cnat-operator/internal/cached"
)

const (
	// What fails is tried again after 100 ms, then after twice the time each
	// time, up to a minute: what a person mends is noticed soon.
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
)

// Reconciler runs each At once. All fields but Workers are required.
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

	looks looks // at the Ats that are due in moments
}

// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/status,verbs=update
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/finalizers,verbs=update
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch
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
	all[&batchv1.Job{}], all[&corev1.Pod{}] = own, pods
	return all
}

// SetupWithManager registers the Reconciler: an At is looked at when it, its
// Job or its pod changes, when it is due, and when the wall clock was stepped.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &batchv1.Job{}, jobsOfAt, atOfJob); err != nil {
		return fmt.Errorf("indexing Jobs by At: %w", err)
	}
	if err := indexEvents(context.Background(), mgr); err != nil {
		return err
	}
	if err := RegisterMetrics(mgr.GetClient()); err != nil {
		return err
	}
	steps := newClockWatch(r.Clock, mgr.GetClient())
	if err := mgr.Add(steps); err != nil {
		return fmt.Errorf("adding the clock watch: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("at").
		Watches(&cnatv1alpha1.At{}, &atHandler{r.Clock}).
		Watches(&batchv1.Job{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &cnatv1alpha1.At{}, handler.OnlyControllerOwner())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(atOfPod)).
		Watches(&corev1.Event{}, handler.EnqueueRequestsFromMapFunc(r.atOfEvent)).
		Watches(&eventsv1.Event{}, handler.EnqueueRequestsFromMapFunc(r.atOfEvent)).
		WatchesRawSource(source.Channel(steps.stepped, &atHandler{r.Clock})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
}

// jobsOfAt indexes Jobs by the name of the At that owns them.
const jobsOfAt = "at"

func atOfJob(job client.Object) []string {
	owner := metav1.GetControllerOf(job)
	if owner == nil || owner.Kind != "At" {
		return nil
	}
	return []string{owner.Name}
}

func atOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name, ok := pod.GetAnnotations()[atAnnotation]
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// Reconcile brings one At one step further: read, decide, act, and report last.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	now := r.Clock.Now()
	last := r.looks.take(req.NamespacedName)
	at := &cnatv1alpha1.At{}
	err := r.Client.Get(ctx, req.NamespacedName, at)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, r.release(ctx, req.NamespacedName, nil)
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("reading the At: %w", err)
	}
	seen := snapshot{at: at}
	next, err := r.plan(ctx, now, &seen, last)
	if err != nil {
		return ctrl.Result{}, err
	}
	refused, err := r.act(ctx, now, &next, &seen)
	if err != nil {
		return ctrl.Result{}, err
	}
	observed := observation{now: now, step: next.step, job: seen.job, run: seen.run, refused: refused}
	if err := r.report(ctx, at, observed); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.release(ctx, req.NamespacedName, at); err != nil {
		return ctrl.Result{}, err
	}
	if next.wait > 0 { // no later for the time that all this took
		next.wait = max(next.wait-r.Clock.Since(now), 1)
	}
	return ctrl.Result{RequeueAfter: next.wait, Priority: next.priority()}, observed.problem(next)
}

// plan reads the rest of the snapshot and decides. The cache may be behind the
// API server: no Job is created or stopped, none called lost, and no At given
// up, on its word alone. What is read live instead is left in the snapshot.
//
// last is the last look at the At.
func (r *Reconciler) plan(ctx context.Context, now time.Time, seen *snapshot, last look) (next plan, err error) {
	if err = r.readJob(ctx, r.Client, seen); err != nil {
		return plan{}, err
	}
	next = decide(now, *seen)
	if next.step == stepLook || next.step == stepStart {
		last, err = r.look(ctx, seen.at, now, last)
		if apierrors.IsNotFound(err) {
			return plan{step: stepNone}, nil
		}
		if err != nil {
			return plan{}, err
		}
		if next = decide(now, *seen); next.step == stepLook {
			r.looks.keep(client.ObjectKeyFromObject(seen.at), last)
		}
	}
	switch next.step {
	case stepStop:
		if _, err = r.look(ctx, seen.at, now, look{}); err != nil {
			if apierrors.IsNotFound(err) {
				return plan{step: stepNone}, nil
			}
			return plan{}, err
		}
		fallthrough
	case stepLost, stepMiss, stepCancel:
		if err = r.readJob(ctx, r.APIReader, seen); err != nil {
			return plan{}, err
		}
		next = decide(now, *seen)
	}
	return next, nil
}
