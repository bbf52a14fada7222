package at

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	"example.com/cnat-operator/internal/write"
)

// maxTries is how many Ats are tried at once: each is read as a whole, which may be 1 MB, and its Job is sent.
const maxTries = 4

// tryPatience is how long an At waits to be tried before its worker is free for others: a webhook may be slow to answer.
const tryPatience = 50 * time.Millisecond

// errBusy means that as many Ats are being tried as may be.
var errBusy = errors.New("other Ats are being tried")

// try asks the API server, by a dry run, whether it would take the At's Job, so
// that a mistake is reported when it is made, not when the run is due; and whether
// the namespace puts the Job into a queue.
func (r *Reconciler) try(ctx context.Context, seen *snapshot) error {
	if r.tries != nil {
		select {
		case r.tries <- struct{}{}:
			defer func() { <-r.tries }()
		case <-r.Clock.After(tryPatience):
			return errBusy
		}
	}
	at := seen.at
	whole := &cnatv1alpha1.At{} // what the cache has lacks what is to run
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
		seen.refusal = nil
		return nil
	case write.IsRefusal(err):
		var latest []time.Time
		if !isSuspended(at) {
			latest = []time.Time{at.DueTime().Add(-seen.lead)} // when its Job is created, however the dry run went
		}
		seen.refusal = r.refusals.note(at, cnatv1alpha1.ReasonJobRefused, err.Error(), r.Clock.Now(), latest...)
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
