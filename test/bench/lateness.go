package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// watcher notes when it first saw each Job of a namespace. It is the same for
// all that are compared.
type watcher struct {
	stop   func()
	mu     sync.Mutex
	seen   map[string]time.Time // by Job
	owners map[string]string    // Job by its owner's name
}

func watchJobs(ctx context.Context, client kubernetes.Interface, namespace string) (*watcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	jobs := client.BatchV1().Jobs(namespace)
	list, err := jobs.List(ctx, metav1.ListOptions{})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("listing Jobs: %w", err)
	}
	// The API server ends the watch of a client that is slow for a moment, as
	// one is that creates 1,000 Jobs as well: this one resumes it.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return jobs.Watch(ctx, options)
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watching Jobs: %w", err)
	}
	w := &watcher{stop: cancel, seen: map[string]time.Time{}, owners: map[string]string{}}
	go func() {
		for event := range events.ResultChan() {
			if job, ok := event.Object.(*batchv1.Job); ok && event.Type == watch.Added {
				w.note(job, time.Now())
			}
		}
	}()
	return w, nil
}

func (w *watcher) note(job *batchv1.Job, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[job.Name] = now
	if owner := metav1.GetControllerOf(job); owner != nil {
		w.owners[owner.Name] = job.Name
	}
}

// await waits until n Jobs were seen.
func (w *watcher) await(ctx context.Context, n int, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		w.mu.Lock()
		seen := len(w.seen)
		w.mu.Unlock()
		if seen >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %d Jobs and saw %d", limit, n, seen)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lateness of all Jobs after one instant, in order.
func (w *watcher) lateness(due time.Time) distribution {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all distribution
	for _, moment := range w.seen {
		all = append(all, moment.Sub(due))
	}
	slices.Sort(all)
	return all
}

// latenessOf Jobs after the time that each one's owner was due, in order.
func (w *watcher) latenessOf(due map[string]time.Time) distribution {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all distribution
	for owner, moment := range due {
		all = append(all, w.seen[w.owners[owner]].Sub(moment))
	}
	slices.Sort(all)
	return all
}

// distribution is sorted durations.
type distribution []time.Duration

// percentile by the nearest rank: the least value that p percent are not above.
func (d distribution) percentile(p float64) time.Duration {
	rank := int(math.Ceil(p / 100 * float64(len(d))))
	return d[max(rank, 1)-1]
}

// print prints name_p50, name_p99 and name_max in seconds.
func (d distribution) print(name string) {
	fmt.Printf("%s_n=%d\n", name, len(d))
	fmt.Printf("%s_min_seconds=%.3f\n", name, d[0].Seconds())
	fmt.Printf("%s_p50_seconds=%.3f\n", name, d.percentile(50).Seconds())
	fmt.Printf("%s_p99_seconds=%.3f\n", name, d.percentile(99).Seconds())
	fmt.Printf("%s_max_seconds=%.3f\n", name, d[len(d)-1].Seconds())
}
