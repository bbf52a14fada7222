package at

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/write"
)

// maxTries is how many Ats are tried at once: each is read as a whole, which may be 1 MB, and its Job is sent.
const maxTries = 4

// setupTries registers a controller for what is tried. It has a queue of its own: a webhook may take seconds to answer,
// and thousands of Ats may be new, and no run waits for them.
func (r *Reconciler) setupTries(mgr ctrl.Manager) error {
	r.untried, r.tried = make(chan event.GenericEvent), make(chan event.GenericEvent)
	err := ctrl.NewControllerManagedBy(mgr).
		Named("at-try").
		WatchesRawSource(source.Channel(r.untried, &atHandler{r.Clock, tryPriority})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: maxTries,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(reconcile.Func(r.reconcileTry))
	if err != nil {
		return fmt.Errorf("set up the controller of tries: %w", err)
	}
	return nil
}

// ask has an At tried, which brings it back here.
func (r *Reconciler) ask(ctx context.Context, seen *snapshot) error {
	if r.untried == nil {
		return r.try(ctx, seen)
	}
	return send(ctx, r.untried, seen.at)
}

// reconcileTry tries an At, unless that has become needless meanwhile.
func (r *Reconciler) reconcileTry(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	seen, err := r.read(ctx, r.Client, req.NamespacedName)
	if err != nil || seen == nil || decide(r.Clock.Now(), *seen).step != stepTry {
		return ctrl.Result{}, err
	}
	err = r.try(ctx, seen)
	if errors.Is(err, write.ErrStale) {
		return ctrl.Result{RequeueAfter: firstRetry}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, send(ctx, r.tried, seen.at)
}

func send(ctx context.Context, to chan<- event.GenericEvent, at *cnatv1.At) error {
	select {
	case to <- event.GenericEvent{Object: at}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// accepted are the Ats whose Jobs the API server would take, by UID, until their status says so.
type accepted struct{ byUID sync.Map }

// acceptance is what a dry run has shown.
type acceptance struct {
	generation int64  // of the At
	queue      string // who would start the Job; empty: the operator
}

// recall adds to a snapshot what a dry run has shown about the At as it is now.
func (a *accepted) recall(seen *snapshot) {
	last, ok := a.byUID.Load(seen.at.UID)
	switch {
	case !ok:
	case !untried(*seen) || last.(acceptance).generation != seen.at.Generation:
		a.forget(seen.at.UID)
	default:
		seen.tried, seen.queue = true, cmp.Or(seen.queue, last.(acceptance).queue)
	}
}

// forget is for an At whose status has what is known, or that is over or deleted.
func (a *accepted) forget(uid types.UID) { a.byUID.Delete(uid) }

// try asks the API server, by a dry run, whether it would take the At's Job, so
// that a mistake is reported when it is made, not when the run is due; and whether
// the namespace puts the Job into a queue.
func (r *Reconciler) try(ctx context.Context, seen *snapshot) error {
	at := seen.at
	whole := &cnatv1.At{} // what the cache has lacks what is to run
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(at), whole); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the At: %w", err)
	}
	if whole.UID != at.UID || whole.Generation != at.Generation {
		return write.ErrStale
	}
	seen.tried = true
	job := newJob(whole, r.CommandImage)
	err := r.Client.Create(ctx, job, client.DryRunAll)
	if err == nil {
		seen.queue = queueOf(job)
	}
	switch {
	case err == nil, apierrors.IsAlreadyExists(err), write.IsRefusal(err) && ofThisMoment(err):
		r.refusals.forget(at.UID)
		r.accepted.byUID.Store(at.UID, acceptance{at.Generation, seen.queue})
		seen.refusal = nil
		return nil
	case write.IsRefusal(err):
		var latest []time.Time
		if !isSuspended(at) {
			latest = []time.Time{at.DueTime().Add(-seen.lead), at.DueTime().Time} // when its Job is created, however the dry run went
		}
		seen.refusal = r.refusals.note(at, cnatv1.ReasonJobRefused, err.Error(), r.Clock.Now(), latest...)
		return nil
	default:
		return fmt.Errorf("trying to create the Job: %w", err)
	}
}

// ofThisMoment reports whether a refusal says nothing about the time when the Job
// is due: others use up a quota now, a webhook can't be reached, or it answers no
// dry runs.
func ofThisMoment(err error) bool {
	return apierrors.IsInternalError(err) || strings.Contains(err.Error(), "exceeded quota") ||
		strings.Contains(err.Error(), "does not support dry run")
}
