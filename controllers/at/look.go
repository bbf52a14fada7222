package at

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// No Job is made on the cache's word: the At is read from the API server
// before. That look is taken shortly ahead of the due time, so that the one
// thing left to do then is to create the Job.
const (
	// lookLead is how long before an At is due the last moment for its look is.
	lookLead = 500 * time.Millisecond
	// lookSpread is over how long before that the looks at Ats that are due at
	// one instant are spread.
	lookSpread = 2 * time.Second
	// LookValid is how long a look serves. It must be less than the time from
	// when a leader that can't renew its lease ends to when another may lead: then
	// no process that acts within LookValid of its look has been stopped for so
	// long that another one acted in between.
	LookValid = 4500 * time.Millisecond
)

// look is a live read of an At.
type look struct {
	resourceVersion string    // of the At
	taken           time.Time // before it was asked for
}

// holds tells whether a look, after which elapsed has passed on the monotonic
// clock, is as good as a live read of the cached At now. The wall clock is asked
// as well, since the monotonic one stands still while the machine is suspended.
func (l look) holds(cached *cnatv1alpha1.At, now time.Time, elapsed time.Duration) bool {
	wall := now.Round(0).Sub(l.taken.Round(0)) // Round strips the monotonic reading
	return l.resourceVersion == cached.ResourceVersion && elapsed <= LookValid && 0 <= wall && wall <= LookValid
}

// looks are the last looks at the Ats that are due in moments. What is kept is
// taken by the next reconcile, which comes when the At changes or is due.
type looks struct{ byName sync.Map }

func (l *looks) keep(name types.NamespacedName, last look) { l.byName.Store(name, last) }

// take is the last look at an At, which is then forgotten: it serves one start.
// If there is none, it is one that does not hold.
func (l *looks) take(name types.NamespacedName) look {
	last, _ := l.byName.LoadAndDelete(name)
	found, _ := last.(look)
	return found
}

// look reads the At live, unless the last look at it still holds: the cached
// status may not name a Job that was made and is gone since, nor the cached spec
// say that the At was moved or cancelled.
func (r *Reconciler) look(ctx context.Context, at *cnatv1alpha1.At, now time.Time, last look) (look, error) {
	if last.holds(at, now, r.Clock.Since(last.taken)) {
		return last, nil
	}
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(at), at); err != nil {
		return look{}, fmt.Errorf("reading the At: %w", err)
	}
	return look{resourceVersion: at.ResourceVersion, taken: now}, nil
}

// lead is how long before it is due an At is looked at.
func lead(uid types.UID) time.Duration {
	return lookLead + lookSpread*time.Duration(hash(uid)>>16)/(1<<16)
}

func hash(uid types.UID) uint32 {
	hash := fnv.New32a()
	hash.Write([]byte(uid)) // a hash's Write never fails
	return hash.Sum32()
}
