package at

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/text"
)

// lastRefusal bounds the time between two attempts to create a Job that is
// refused, which begins at firstRetry and doubles.
const lastRefusal = 15 * time.Minute

// refusal is why the Job of an At could not be created or started.
type refusal struct {
	generation int64 // of the At
	reason     string
	message    string
	delay      time.Duration
	until      time.Time // no attempt is made before
}

// refusals are the last refusals by the UIDs of Ats: all that the process
// remembers. After a restart, each At is tried once more.
type refusals struct{ byUID sync.Map }

// of is the refusal of the At in its generation, or nil.
func (r *refusals) of(at *cnatv1.At) *refusal {
	if last, ok := r.byUID.Load(at.UID); ok {
		if last := last.(*refusal); last.generation == at.Generation {
			return last
		}
	}
	return nil
}

// note remembers that the At was refused once more. It is tried again later, but
// no later than at those of the times given that have not passed.
func (r *refusals) note(at *cnatv1.At, reason, message string, now time.Time, latest ...time.Time) *refusal {
	next := &refusal{generation: at.Generation, reason: reason, message: text.Bounded(message, maxMessage), delay: firstRetry}
	if last := r.of(at); last != nil {
		next.delay = min(2*last.delay, lastRefusal)
	}
	next.until = now.Add(next.delay)
	for _, limit := range latest {
		if limit.After(now) && limit.Before(next.until) {
			next.until = limit
		}
	}
	r.byUID.Store(at.UID, next)
	refusalsTotal.WithLabelValues(reason).Inc()
	return next
}

// forget is for an At that was started, or is over or deleted.
func (r *refusals) forget(uid types.UID) { r.byUID.Delete(uid) }
