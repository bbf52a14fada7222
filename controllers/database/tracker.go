package database

import (
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
)

// tracker is all that the process remembers of Databases from one pass to the next. It is lost at a restart, and nothing
// that must not be lost is in it: times that the process has itself seen pass, and requests that need not be repeated.
type tracker struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]*track
	slots  release.Slots
}

// track is what is remembered of one Database. One pass at a time uses it.
type track struct {
	busy sync.Mutex
	uid  types.UID
	// log is the pass's.
	log logr.Logger
	// written is the version at which the operator last wrote the Database.
	written string
	step.Sightings
	release release.Memory
	// monitored is the generation for which the ServiceMonitor was seen to.
	monitored int64
	// sent is the last event.
	sent step.Event
}

// of returns what is remembered of a Database. Another one of the same name begins with nothing.
func (t *tracker) of(db *v1.Database) *track {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := types.NamespacedName{Namespace: db.Namespace, Name: db.Name}
	known := t.byName[key]
	if known == nil || known.uid != db.UID {
		if t.byName == nil {
			t.byName = map[types.NamespacedName]*track{}
		}
		known = &track{uid: db.UID}
		t.byName[key] = known
	}
	return known
}

// forget drops a Database that was deleted.
func (t *tracker) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byName[key]; known != nil {
		t.slots.Release(known.uid)
		delete(t.byName, key)
	}
}

// staleLimit is for how long a Database may be older than the operator's last write of it. Then the cluster has gone
// back in time, as by a restore of its storage.
const staleLimit = 30 * time.Second

// isStale reports whether a Database of the cache is older than the last write of it. A pass over it would not know of the
// attempt that the write tells of, and make it again.
func (t *track) isStale(db *v1.Database, now time.Time) bool {
	stale := false
	if t.written != "" {
		order, err := resourceversion.CompareResourceVersion(db.ResourceVersion, t.written)
		// An API server whose versions have no order leaves it to the conflict at the next write.
		stale = err == nil && order < 0
	}
	if !stale {
		t.Since("stale", "", now)
		return false
	}
	if t.Since("stale", t.written, now) < staleLimit {
		return true
	}
	t.log.Info("The Database is older than the operator's last write, and stays so: it is taken as it is", "written", t.written)
	t.written = ""
	return false
}
