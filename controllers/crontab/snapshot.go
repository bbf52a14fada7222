package crontab

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/write"
)

const (
	// leastSettle is how long after its time a run that has started is settled at the earliest, and the next one created.
	leastSettle = 20 * time.Millisecond
	// settleEach is by how much that grows with each CronTab that is due in the same second, for their starts come
	// first, up to mostSettle.
	settleEach = 20 * time.Millisecond
	mostSettle = 20 * time.Second
)

// snapshot is everything about a CronTab that a decision and its status are computed from.
type snapshot struct {
	tab      *v1.CronTab
	revision string // of what it runs
	times    *times // nil: the schedule is invalid
	invalid  error
	ats      []*cnatv1.At // the CronTab's own
	live     bool         // the recorded Ats were looked for in the API server, not only in the cache
	all      bool         // all Ats were read from the API server
	together int          // CronTabs that are due in the same second
	refusal  *refusal     // of an At in this reconcile
}

// refusal is why an At could not be created or released.
type refusal struct{ reason, message string }

// read reads a CronTab and its Ats from the cache. Without a CronTab, it is nil.
func (r *Reconciler) read(ctx context.Context, name types.NamespacedName) (*snapshot, error) {
	tab := &v1.CronTab{}
	err := r.Client.Get(ctx, name, tab)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the CronTab: %w", err)
	}
	seen := &snapshot{tab: tab, revision: tab.Annotations[annotationRevision]}
	seen.times, seen.invalid = timesOf(tab)
	ats := &cnatv1.AtList{}
	own := client.MatchingFields{ownerIndex: string(tab.UID)}
	if err := r.Client.List(ctx, ats, client.InNamespace(tab.Namespace), own); err != nil {
		return nil, fmt.Errorf("listing the Ats: %w", err)
	}
	for i := range ats.Items {
		seen.ats = append(seen.ats, &ats.Items[i])
	}
	return seen, r.countTogether(ctx, seen)
}

// countTogether counts the CronTabs that are due with this one.
func (r *Reconciler) countTogether(ctx context.Context, seen *snapshot) error {
	next := seen.tab.Status.Next
	if next == nil {
		return nil
	}
	due := &v1.CronTabList{}
	if err := r.Client.List(ctx, due, client.UnsafeDisableDeepCopy,
		client.MatchingFields{dueIndex: strconv.FormatInt(next.ScheduledTime.Unix(), 10)}); err != nil {
		return fmt.Errorf("counting the CronTabs that are due together: %w", err)
	}
	seen.together = len(due.Items)
	return nil
}

// look looks in the API server for the Ats that are recorded, and not in the cache.
func (r *Reconciler) look(ctx context.Context, seen *snapshot) error {
	status := &seen.tab.Status
	names := []string{}
	if status.Next != nil {
		names = append(names, status.Next.Name)
	}
	if status.Requested != nil {
		names = append(names, status.Requested.Name)
	}
	for _, name := range names {
		if _, err := r.lookFor(ctx, seen, name); err != nil {
			return err
		}
	}
	seen.live = true
	return nil
}

// lookAtAll reads all Ats from the API server, as of the version of the CronTab that is known.
func (r *Reconciler) lookAtAll(ctx context.Context, seen *snapshot) error {
	tab, ats := &v1.CronTab{}, &cnatv1.AtList{}
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(seen.tab), tab); err != nil {
		return write.Stale("reading the CronTab", err)
	}
	if tab.ResourceVersion != seen.tab.ResourceVersion {
		return write.ErrStale
	}
	own := client.MatchingLabels{labelCronTab: tab.Name}
	if err := r.APIReader.List(ctx, ats, client.InNamespace(tab.Namespace), own); err != nil {
		return fmt.Errorf("listing the Ats: %w", err)
	}
	seen.ats, seen.live, seen.all = nil, true, true
	for i := range ats.Items {
		if at := &ats.Items[i]; owns(tab, at) {
			seen.ats = append(seen.ats, at)
		}
	}
	return nil
}

// lookFor reads one At from the API server, and reports whether there is one that is not the CronTab's own.
func (r *Reconciler) lookFor(ctx context.Context, seen *snapshot, name string) (foreign bool, err error) {
	at := &cnatv1.At{}
	err = r.APIReader.Get(ctx, types.NamespacedName{Namespace: seen.tab.Namespace, Name: name}, at)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading At %s: %w", name, err)
	}
	seen.drop(name)
	if err == nil && owns(seen.tab, at) {
		seen.ats = append(seen.ats, at)
	}
	return err == nil && !owns(seen.tab, at), nil
}

func (s *snapshot) drop(name string) {
	for i, at := range s.ats {
		if at.Name == name {
			s.ats = append(s.ats[:i:i], s.ats[i+1:]...)
			return
		}
	}
}

// named returns the CronTab's own At of a name; nil: there is none.
func (s *snapshot) named(name string) *cnatv1.At {
	for _, at := range s.ats {
		if at.Name == name {
			return at
		}
	}
	return nil
}

// recorded returns the At with a name and UID; nil: there is none.
func (s *snapshot) recorded(name string, uid types.UID) *cnatv1.At {
	if at := s.named(name); at != nil && at.UID == uid {
		return at
	}
	return nil
}

// active are the Ats whose runs are, or are about to be, in progress, besides the next scheduled one.
func (s *snapshot) active(next *v1.ScheduledRun) []*cnatv1.At {
	var active []*cnatv1.At
	for _, at := range s.ats {
		isNext := next != nil && at.UID == next.UID
		if !isNext && !at.Status.Finished() && (started(at) || released(at) && !retracted(at)) {
			active = append(active, at)
		}
	}
	return active
}

// lost reports whether a recorded At is not in the cache, which may be behind the API server.
func (s *snapshot) lost() bool {
	next, requested := s.tab.Status.Next, s.tab.Status.Requested
	return !s.live && (next != nil && s.recorded(next.Name, next.UID) == nil ||
		requested != nil && s.recorded(requested.Name, requested.UID) == nil)
}

// hasty is for how long a run that has just started is left unsettled, while others start.
func (s *snapshot) hasty(now time.Time) time.Duration {
	next := s.tab.Status.Next
	if next == nil || s.tab.Status.ObservedGeneration != s.tab.Generation {
		return 0
	}
	at := s.recorded(next.Name, next.UID)
	if at == nil || !started(at) {
		return 0
	}
	hash := fnv.New32a()
	hash.Write([]byte(s.tab.UID)) // a hash's Write never fails
	spread := min(time.Duration(s.together)*settleEach, mostSettle)
	delay := leastSettle + time.Duration(float64(spread)*float64(hash.Sum32()>>16)/(1<<16))
	return at.DueTime().Add(delay).Sub(now)
}
