package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// watcher notes when it first saw a condition of each object to be True.
type watcher struct {
	condition string
	mu        sync.Mutex
	done      map[string]time.Time
}

func watch(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource, condition string) (*watcher, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &watcher{condition: condition, done: map[string]time.Time{}}
	informer := dynamicinformer.NewFilteredDynamicInformer(client, resource, databases, 0, cache.Indexers{}, nil).Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, object any) { w.note(object, time.Now()) },
	}); err != nil {
		return nil, err
	}
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("watching %s: %w", resource.Resource, context.Cause(ctx))
	}
	return w, nil
}

func (w *watcher) note(object any, now time.Time) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok || !hasCondition(u, w.condition) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.done[u.GetName()]; !known {
		w.done[u.GetName()] = now
	}
}

func hasCondition(object *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(entry any) bool {
		condition, _ := entry.(map[string]any)
		return condition["type"] == kind && condition["status"] == "True"
	})
}

// since are the times of all that are done, after a moment, in order.
func (w *watcher) since(moment time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []time.Duration
	for _, at := range w.done {
		all = append(all, at.Sub(moment))
	}
	slices.Sort(all)
	return all
}

// poll asks until the answer is yes.
func poll(ctx context.Context, what string, limit time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %s for %s", limit, what))
	defer cancel()
	for {
		if yes, err := ask(); err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
