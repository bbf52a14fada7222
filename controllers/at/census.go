package at

import (
	"container/heap"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// census counts the Ats in the cache as they come, change and go, so that no
// question needs a pass over all of them.
type census struct {
	sync.Mutex
	phases  map[cnatv1.AtPhase]int
	stalled map[string]int  // by reason
	due     map[int64]int   // Ats that are to start, by the second, in Unix time
	seconds secondHeap      // the keys of due, and some that are no longer
	forget  func(types.UID) // of what is remembered of an At that is deleted
}

func newCensus(forget func(types.UID)) *census {
	return &census{
		phases: map[cnatv1.AtPhase]int{}, stalled: map[string]int{}, due: map[int64]int{}, forget: forget,
	}
}

// watch counts what a cache holds.
func (c *census) watch(objects cache.Informers) error {
	informer, err := objects.GetInformer(context.Background(), &cnatv1.At{}, cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(added any) { c.count(added, 1) },
			UpdateFunc: func(old, updated any) { c.count(old, -1); c.count(updated, 1) },
			DeleteFunc: func(deleted any) {
				if last, ok := deleted.(toolscache.DeletedFinalStateUnknown); ok {
					deleted = last.Obj
				}
				c.count(deleted, -1)
				if at, ok := deleted.(*cnatv1.At); ok {
					c.forget(at.UID)
				}
			},
		})
	}
	if err != nil {
		return fmt.Errorf("counting the Ats: %w", err)
	}
	return nil
}

// count adds an At n times.
func (c *census) count(object any, n int) {
	at, ok := object.(*cnatv1.At)
	if !ok {
		return
	}
	c.Lock()
	defer c.Unlock()
	phase := at.Status.Phase
	if phase == "" {
		phase = cnatv1.AtPending
	}
	c.phases[phase] += n
	stalled := meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue && !at.Status.Finished() {
		c.stalled[stalled.Reason] += n
		return
	}
	if phase != cnatv1.AtPending || at.Status.JobUID != "" || at.DeletionTimestamp != nil ||
		isSuspended(at) || isTrue(&at.Status, cnatv1.ConditionSuspended) {
		return
	}
	second := at.DueTime().Unix()
	if _, known := c.due[second]; !known {
		heap.Push(&c.seconds, second)
	}
	c.due[second] += n
	if c.due[second] <= 0 {
		delete(c.due, second)
	}
	if len(c.seconds) > 2*len(c.due)+1000 { // Ats that were moved have left more behind than there is
		c.seconds = slices.Collect(maps.Keys(c.due))
		heap.Init(&c.seconds)
	}
}

// dueWith is how many Ats are to start in the second in which an At is.
func (c *census) dueWith(at *cnatv1.At) int {
	if c == nil {
		return 0
	}
	c.Lock()
	defer c.Unlock()
	return c.due[at.DueTime().Unix()]
}

// nextDue is when the next At is to start, to the second; zero: none is.
func (c *census) nextDue() time.Time {
	c.Lock()
	defer c.Unlock()
	for len(c.seconds) > 0 {
		if next := c.seconds[0]; c.due[next] > 0 {
			return time.Unix(next, 0)
		}
		heap.Pop(&c.seconds)
	}
	return time.Time{}
}

// secondHeap implements heap.Interface.
type secondHeap []int64

func (h secondHeap) Len() int           { return len(h) }
func (h secondHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h secondHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *secondHeap) Push(second any) { *h = append(*h, second.(int64)) } //nolint:forcetypeassert // only count pushes

// Pop implements heap.Interface.
func (h *secondHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = slices.Delete(*h, len(*h)-1, len(*h))
	return last
}
