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

// watcher notes when it first saw a condition of each object to be True, and when it first saw each server to serve.
type watcher struct {
	subject subject
	mu      sync.Mutex
	done    map[string]time.Time // by the object's name
	serving map[string]time.Time // by the StatefulSet's
}

var statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}

func watch(ctx context.Context, config *rest.Config, s subject) (*watcher, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	w := &watcher{subject: s, done: map[string]time.Time{}, serving: map[string]time.Time{}}
	for resource, handler := range map[schema.GroupVersionResource]cache.ResourceEventHandlerFuncs{
		s.resource:   {UpdateFunc: func(_, object any) { w.note(w.done, object, w.isDone, time.Now()) }},
		statefulSets: {UpdateFunc: func(_, object any) { w.note(w.serving, object, isServing, time.Now()) }},
	} {
		informer := dynamicinformer.NewFilteredDynamicInformer(client, resource, databases, 0, cache.Indexers{}, nil).Informer()
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, err
		}
		go informer.RunWithContext(ctx)
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return nil, fmt.Errorf("watching %s: %w", resource.Resource, context.Cause(ctx))
		}
	}
	return w, nil
}

func (w *watcher) note(seen map[string]time.Time, object any, is func(*unstructured.Unstructured) bool, now time.Time) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok || !is(u) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := seen[u.GetName()]; !known {
		seen[u.GetName()] = now
	}
}

func (w *watcher) isDone(object *unstructured.Unstructured) bool {
	return hasCondition(object, w.subject.condition)
}

func isServing(statefulSet *unstructured.Unstructured) bool {
	available, _, _ := unstructured.NestedInt64(statefulSet.Object, "status", "availableReplicas")
	return available > 0
}

func hasCondition(object *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(entry any) bool {
		condition, _ := entry.(map[string]any)
		return condition["type"] == kind && condition["status"] == "True"
	})
}

// since are the times of all that are done, after a moment, in order. One is done when its operator says so and its
// server serves, whichever is later.
func (w *watcher) since(moment time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []time.Duration
	for name, done := range w.done {
		if serving, ok := w.serving[w.subject.server(name)]; ok {
			all = append(all, max(done.Sub(moment), serving.Sub(moment)))
		}
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
