// Package at turns a due At into a Job, and the Job's story into the At's status.
package at

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
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
	Clock clock.PassiveClock
	// CommandImage is the image that runs spec.command; it must have sh.
	CommandImage string
	// Workers is the number of Ats that are reconciled side by side. Default: 1.
	Workers int
}

// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats,verbs=get;list;watch
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/status,verbs=update
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/finalizers,verbs=update
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// CachedObjects are the objects that the cache must hold for the Reconciler,
// and which of them: those that the operator made, without managedFields.
func CachedObjects() map[client.Object]cache.ByObject {
	own := cache.ByObject{
		Label:     labels.SelectorFromSet(labels.Set{labelPartOf: partOf}),
		Transform: cache.TransformStripManagedFields(),
	}
	return map[client.Object]cache.ByObject{&batchv1.Job{}: own, &corev1.Pod{}: own}
}

// SetupWithManager registers the Reconciler: an At is looked at when it, its
// Job or its pod changes, and when it is due.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("at").
		For(&cnatv1alpha1.At{}).
		Owns(&batchv1.Job{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(atOfPod)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
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
	at := &cnatv1alpha1.At{}
	if err := r.Client.Get(ctx, req.NamespacedName, at); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	job, err := r.getJob(ctx, r.Client, at)
	if err != nil {
		return ctrl.Result{}, err
	}
	seen := observation{now: r.Clock.Now(), job: job}
	next := decide(seen.now, at, seen.job)

	// The cache may be behind the API server. Neither a Job is made, nor is one
	// called lost, on its word alone.
	if next.step == stepStart {
		if err := r.APIReader.Get(ctx, req.NamespacedName, at); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		next = decide(seen.now, at, seen.job)
	}
	if next.step == stepLost {
		if seen.job, err = r.getJob(ctx, r.APIReader, at); err != nil {
			return ctrl.Result{}, err
		}
		next = decide(seen.now, at, seen.job)
	}
	if next.step == stepStart {
		if err := r.start(ctx, at, &seen); err != nil {
			return ctrl.Result{}, err
		}
		if seen.job == nil && seen.refused == nil {
			return ctrl.Result{}, nil // the new Job's own event brings the At back here
		}
		next = decide(seen.now, at, seen.job)
	}

	seen.step = next.step
	if err := r.report(ctx, at, seen); err != nil {
		return ctrl.Result{}, err
	}
	switch {
	case seen.refused != nil:
		return ctrl.Result{}, fmt.Errorf("creating the Job: %w", seen.refused)
	case next.step == stepConflict:
		return ctrl.Result{}, fmt.Errorf("creating the Job: a Job %q of another owner exists", seen.job.Name)
	}
	return ctrl.Result{RequeueAfter: next.wait}, nil
}

// getJob is the object with the name of the At's Job, or nil if there is none.
func (r *Reconciler) getJob(ctx context.Context, from client.Reader, at *cnatv1alpha1.At) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	key := types.NamespacedName{Namespace: at.Namespace, Name: jobName(at)}
	err := from.Get(ctx, key, job)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Job %s: %w", key.Name, err)
	}
	return job, nil
}

// start creates the At's Job. It notes in seen what stands in the way: a Job
// that has the name already, or the API server's refusal.
func (r *Reconciler) start(ctx context.Context, at *cnatv1alpha1.At, seen *observation) error {
	job := newJob(at, r.CommandImage)
	err := r.Client.Create(ctx, job)
	switch {
	case err == nil:
		log.FromContext(ctx).Info("Job created", "job", job.Name, "lateBy", seen.now.Sub(at.Spec.Schedule.Time).String())
		return nil
	case apierrors.IsAlreadyExists(err):
		seen.job, err = r.getJob(ctx, r.APIReader, at)
		return err
	case refused(err):
		seen.refused = err
		return nil
	default:
		return fmt.Errorf("creating Job %s: %w", job.Name, err)
	}
}

// refused tells whether the API server said no to what was asked, as a quota,
// a webhook or a namespace that is being deleted make it do; not that it was
// too busy or could not be reached.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsNotAcceptable(err)
}

// report writes the At's status if it changes, and then tells of the change in
// events.
func (r *Reconciler) report(ctx context.Context, at *cnatv1alpha1.At, seen observation) error {
	if seen.step == stepObserve {
		if err := r.observePods(ctx, &seen); err != nil {
			return err
		}
	}
	next := nextStatus(at, seen)
	if equality.Semantic.DeepEqual(at.Status, next) {
		return nil
	}
	old := at.Status
	at.Status = next
	if err := r.Client.Status().Update(ctx, at); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return nil // there is a newer At, whose event brings it here, or none
		}
		return fmt.Errorf("writing the status: %w", err)
	}
	for _, e := range eventsBetween(&old, &next) {
		r.Recorder.Eventf(at, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
	return nil
}

// observePods reads the run from the pods of the Job.
func (r *Reconciler) observePods(ctx context.Context, seen *observation) error {
	ofJob := []client.ListOption{
		client.InNamespace(seen.job.Namespace),
		client.MatchingLabels{batchv1.ControllerUidLabel: string(seen.job.UID)},
	}
	pods := &corev1.PodList{}
	if err := r.Client.List(ctx, pods, ofJob...); err != nil {
		return fmt.Errorf("listing the pods of Job %s: %w", seen.job.Name, err)
	}
	seen.run = observeRun(pods.Items)
	if seen.run.exitCode != nil || !finished(seen.job) {
		return nil
	}
	// The Job is over, and its status final: the cached pod may be behind.
	if err := r.APIReader.List(ctx, pods, ofJob...); err != nil {
		return fmt.Errorf("listing the pods of Job %s: %w", seen.job.Name, err)
	}
	seen.run = observeRun(pods.Items)
	return nil
}
