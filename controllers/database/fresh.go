package database

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	v1 "example.com/cnat-operator/api/database/v1"
)

// written remembers the version at which the operator last wrote each Database. The cache may be behind it: a pass over
// the older one would not know of the attempt that the write tells of, and make it again.
type written struct {
	mu       sync.Mutex
	versions map[types.UID]string
}

// remember notes a Database as it came back from a write.
func (w *written) remember(db *v1.Database) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.versions == nil {
		w.versions = map[types.UID]string{}
	}
	w.versions[db.UID] = db.ResourceVersion
}

// isStale tells whether a Database of the cache is older than our last write of it.
func (w *written) isStale(db *v1.Database) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	version, known := w.versions[db.UID]
	if !known {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(db.ResourceVersion, version)
	// An API server whose versions have no order leaves it to the conflict at the next write.
	return err == nil && order < 0
}

// forget drops a Database that is gone.
func (w *written) forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.versions, uid)
}
