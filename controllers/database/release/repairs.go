package release

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

const (
	// freeRepairs is how often an object is repaired at once. From then on each repair makes the wait before the next
	// longer, up to maxBackoff: somebody else changes it each time, or it can't be repaired.
	freeRepairs = 5

	// repairMemory is for how long without a repair earlier ones count.
	repairMemory = 10 * time.Minute
)

// repairs bounds the rate at which drift is repaired, by the object.
type repairs map[string]repair

type repair struct {
	count int
	last  time.Time
	// drift is what was last repaired. Until the cache shows something else, it may be behind.
	drift string
}

// wait is for how long not to repair an object, and whether it is a fight.
func (r repairs) wait(object, drift string, now time.Time) (wait time.Duration, fight bool) {
	known := r[object]
	elapsed := now.Sub(known.last)
	switch {
	case known.count == 0 || elapsed >= repairMemory:
	case drift == known.drift && elapsed < firstBackoff:
		return firstBackoff - elapsed, false
	case known.count >= freeRepairs:
		if wait := backoff(int32(min(known.count-freeRepairs, 10)+1)) - elapsed; wait > 0 {
			return wait, true
		}
	}
	return 0, false
}

// note remembers that an object is repaired.
func (r *repairs) note(object, drift string, now time.Time) {
	known := (*r)[object]
	if now.Sub(known.last) >= repairMemory {
		known.count = 0
	}
	if *r == nil {
		*r = repairs{}
	}
	(*r)[object] = repair{count: known.count + 1, last: now, drift: drift}
}

// due are the objects that may be repaired now. Of the others it says when to check again, and names one that somebody
// else keeps changing.
func (r repairs) due(drift []difference, now time.Time) (due []difference, wait time.Duration, contested *unstructured.Unstructured) {
	for _, different := range drift {
		left, fight := r.wait(different.name(), different.String(), now)
		if left == 0 {
			due = append(due, different)
		}
		if wait = step.Sooner(wait, left); fight {
			contested = different.rendered
		}
	}
	return due, wait, contested
}

// contestedBy says that another writer changes an object again and again.
func contestedBy(object *unstructured.Unstructured, writer string) *step.Problem {
	return step.NewProblem(v1.ReasonContested, "%s %s is changed again and again, last by %s. It is restored at longer and longer intervals, "+
		"of at most %s: stop the other writer, or change the Database instead", object.GetKind(), object.GetName(), writer, maxBackoff)
}
