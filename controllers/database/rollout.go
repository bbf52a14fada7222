package database

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// A new version of the operator may bring a new chart, which is a reason to upgrade every release there is. That is done
// a few at a time: a Database has its turn from its upgrade until its server is ready again. One that does not get
// ready keeps its turn, so the rest stay as they are, and serve: what others change of their objects is set back to the
// release as it is stored.

// defaultRollouts is how many Databases have their turn at once.
const defaultRollouts = 1

// isRollout tells whether an upgrade to what has this digest is the operator's own idea: nobody changed the Database, and
// its server is ready, or was when it began to wait and starts again. One that is not ready, and does not get so by
// itself, can't be made worse, and is upgraded at once.
func isRollout(db *v1.Database, digest string) bool {
	known, conditions := db.Status.Release, db.Status.Conditions
	progressing := meta.FindStatusCondition(conditions, v1.ConditionProgressing)
	return known.Status == statusDeployed && known.Digest != digest && db.Status.ObservedGeneration == db.Generation &&
		(meta.IsStatusConditionTrue(conditions, v1.ConditionReady) ||
			progressing != nil && progressing.Reason == v1.ReasonWaitingForTurn)
}

// rolledOut tells whether a pass ends the turn of a Database: its server is ready, and nothing of its release failed.
func rolledOut(seen *observation, conditions []metav1.Condition) bool {
	return seen.release.problem == nil && meta.IsStatusConditionTrue(conditions, v1.ConditionReady)
}

// turns are the Databases that this process gave a turn to, and that the cache may not show to have one.
type turns struct {
	mu    sync.Mutex
	given map[types.UID]bool
}

// take gives a Database a turn, unless as many others as may have one have it. Then it returns the name of one of those.
// One that is gone, or goes, has none any more: it would not get ready, and hold up the rest.
func (t *turns) take(db *v1.Database, all []v1.Database, limit int) (blocker string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	others := 0
	for i := range all {
		other := &all[i]
		if other.UID == db.UID || !other.DeletionTimestamp.IsZero() ||
			!t.given[other.UID] && other.Status.Release.RolloutTime == nil {
			continue
		}
		others++
		// The same one each time, for the same message.
		if name := fmt.Sprintf("%s/%s", other.Namespace, other.Name); blocker == "" || name < blocker {
			blocker = name
		}
	}
	if others >= limit {
		return blocker
	}
	if t.given == nil {
		t.given = map[types.UID]bool{}
	}
	t.given[db.UID] = true
	return ""
}

// end takes the turn back.
func (t *turns) end(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.given, uid)
}

// blocker returns the name of a Database whose turn must end before db is upgraded, or nothing where db has its turn.
func (r *Reconciler) blocker(ctx context.Context, db *v1.Database) (string, error) {
	all := &v1.DatabaseList{}
	// It is only read, and there may be many of them.
	if err := r.Client.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list Databases: %w", err)
	}
	limit := r.MaxConcurrentRollouts
	if limit == 0 {
		limit = defaultRollouts
	}
	return r.turns.take(db, all.Items, limit), nil
}

// held is what the release of a Database is to be while it waits for its turn: what is stored of it.
type held struct {
	digest  string
	objects helm.Objects
	// blocker is the Database that it waits for.
	blocker string
}

// hold returns what a Database that waits for its turn is to be, or nil where it does not wait. Helm is asked once, and
// its answer remembered for as long as it waits.
func (r *Reconciler) hold(ctx context.Context, db *v1.Database, digest string) (*held, error) {
	var blocker string
	var err error
	if isRollout(db, digest) {
		blocker, err = r.blocker(ctx, db)
	}
	if err != nil || blocker == "" {
		r.held.Delete(db.UID)
		return nil, err
	}
	remembered, _ := r.held.Load(db.UID)
	stored, ok := remembered.(*helm.Release)
	if !ok || stored.Digest != db.Status.Release.Digest {
		if stored, err = r.Releases.Observe(ctx, db, releaseName(db)); err != nil {
			return nil, err
		}
		if stateOf(stored, db.Name, digest, nil) != stateOutdated {
			return nil, nil // Somebody else was at it: that is mended at once.
		}
		r.held.Store(db.UID, stored)
	}
	objects, err := helm.ParseManifest(stored.Manifest)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", releaseName(db), err)
	}
	objects, err = r.withoutClaims(ctx, objects)
	return &held{digest: stored.Digest, objects: objects, blocker: blocker}, err
}

// withoutClaims leaves out the volume claims that are there: they may have grown since the release was stored.
func (r *Reconciler) withoutClaims(ctx context.Context, objects helm.Objects) (helm.Objects, error) {
	var rest helm.Objects
	for _, object := range objects {
		if object.GetKind() == "PersistentVolumeClaim" {
			claim, err := r.claim(ctx, client.ObjectKeyFromObject(object), false)
			if err != nil {
				return nil, err
			}
			if claim != nil {
				continue
			}
		}
		rest = append(rest, object)
	}
	return rest, nil
}

// tell adds to the report of a release that is as it was stored what it waits for.
func (h *held) tell(release *releaseResult) {
	if release.current {
		release.turn = true
		release.waiting = fmt.Sprintf("Database %s to be ready after its upgrade, before this one is upgraded", h.blocker)
		release.recheck = sooner(release.recheck, turnRecheck)
	}
}

// turnRecheck is how often a Database asks for its turn. It asks the cache.
const turnRecheck = 10 * time.Second
