package release

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// A new version of the operator may bring a new chart, which is a reason to upgrade every release there is. That is done
// a few at a time: a Database has a rollout slot from its upgrade until its server is ready again. One that does not
// become ready within the deadline has failed, and frees its slot. When upgrades have failed in several namespaces, it is
// the chart: the rest stay as they are, and serve.

const (
	// defaultRollouts is how many slots there are.
	defaultRollouts = 1

	// slotDeadline is how long an upgrade may take.
	slotDeadline = 10 * time.Minute

	// maxFailedRollouts is in how many namespaces upgrades may fail until there are no more. Several in one namespace
	// count once, so that no tenant alone keeps the others from theirs. As many in one namespace end the upgrades there: the
	// others would wait for the deadline of each.
	maxFailedRollouts = 3

	// slotRecheck is how often a Database asks for a slot. It asks the cache.
	slotRecheck = 10 * time.Second
)

// isRollout reports whether an upgrade is the operator's own idea: nobody changed the Database since it was installed, and
// its server serves, or did when it began to wait. One that does not can't be made worse, and is upgraded at once.
func isRollout(db *v1.Database, serving, waiting bool) bool {
	known := db.Status.Release
	installed := known.Generation
	if installed == 0 { // by version 0.2.0
		installed = db.Status.ObservedGeneration
	}
	return known.Status == statusDeployed && installed == db.Generation && (serving || waiting)
}

// Slots are the Databases that have a rollout slot: by their status, or because this process gave them one that the cache
// may not show.
type Slots struct {
	mu    sync.Mutex
	given map[types.UID]bool
	// seen is since when this process knows of an upgrade.
	seen map[types.UID]time.Time
}

// acquire gives a Database a slot, unless all are taken. Then it says why.
func (s *Slots) acquire(db *v1.Database, all []v1.Database, limit int, now time.Time) (wait string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil {
		s.given, s.seen = map[types.UID]bool{}, map[types.UID]time.Time{}
	}
	busy, failed := 0, map[string]int{}
	for i := range all {
		other := &all[i]
		rolling := s.given[other.UID] || other.Status.Release.RolloutTime != nil
		if !rolling {
			delete(s.seen, other.UID)
		}
		// One that is being deleted would not become ready.
		if other.UID == db.UID || !other.DeletionTimestamp.IsZero() || !rolling {
			continue
		}
		if _, known := s.seen[other.UID]; !known {
			s.seen[other.UID] = now
		}
		if now.Sub(s.seen[other.UID]) < slotDeadline {
			busy++
		} else {
			failed[other.Namespace]++
		}
	}
	switch {
	case len(failed) >= maxFailedRollouts:
		return fmt.Sprintf("an administrator: in %d namespaces Databases did not become ready after this upgrade", len(failed))
	case failed[db.Namespace] >= maxFailedRollouts:
		return fmt.Sprintf("user action: %d Databases of this namespace did not become ready after this upgrade", failed[db.Namespace])
	case busy >= limit:
		return fmt.Sprintf("a rollout slot: at most %d are upgraded at once, and are to be ready first", limit)
	}
	s.given[db.UID] = true
	return ""
}

// Release takes a slot back.
func (s *Slots) Release(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.given, uid)
	delete(s.seen, uid)
}

// slot returns what the Database waits for before it may be upgraded, or nothing where it may.
func (r *run) slot(ctx context.Context) (string, error) {
	all := &v1.DatabaseList{}
	// It is only read, and there may be many of them.
	if err := r.Client.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list Databases: %w", err)
	}
	return r.Slots.acquire(r.db, all.Items, cmp.Or(r.MaxConcurrentRollouts, defaultRollouts), r.now), nil
}
