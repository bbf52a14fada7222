package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

func TestAPIServerReachable(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	check := apiServerReachable(kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL}))
	probe := httptest.NewRequest(http.MethodGet, "/readyz", nil)

	if err := check(probe); err != nil {
		t.Errorf("a ready API server: %v", err)
	}
	status = http.StatusForbidden // as by a role that lacks what all users have
	if check(probe) == nil {
		t.Error("an API server that refuses to answer passes")
	}
	server.Close()
	if check(probe) == nil {
		t.Error("an API server that is away passes")
	}
}

// An operator may start while the API server is away, or has not read all roles yet.
func TestAwaitAPIServer(t *testing.T) {
	answers := map[string][]int{
		"is ready":        {http.StatusOK},
		"starts":          {0, http.StatusInternalServerError, http.StatusOK},
		"lets nobody ask": {0, http.StatusForbidden},
		"knows nobody":    {http.StatusUnauthorized},
	}
	for name, statuses := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				status := statuses[asked.Add(1)-1]
				if status == 0 {
					panic(http.ErrAbortHandler) // the connection is closed without an answer
				}
				w.WriteHeader(status)
			}))
			defer server.Close()
			clients := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL})
			if err := awaitAPIServer(t.Context(), clients); err != nil || int(asked.Load()) != len(statuses) {
				t.Errorf("after %d of %d answers: %v", asked.Load(), len(statuses), err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nobody := kubernetes.NewForConfigOrDie(&rest.Config{Host: "127.0.0.1:1"})
	if err := awaitAPIServer(ctx, nobody); !errors.Is(err, context.Canceled) {
		t.Errorf("an operator that is ended while it waits: %v", err)
	}
}

// informers are a cache that is or is not synced.
type informers struct {
	cache.Informers
	synced bool
}

func (i informers) WaitForCacheSync(ctx context.Context) bool {
	if !i.synced {
		<-ctx.Done()
	}
	return i.synced
}

func TestCacheSynced(t *testing.T) {
	probe := httptest.NewRequest(http.MethodGet, "/readyz", nil)
	if err := cacheSynced(informers{synced: true})(probe); err != nil {
		t.Errorf("a synced cache: %v", err)
	}
	if err := cacheSynced(informers{})(probe); !errors.Is(err, errNotSynced) {
		t.Errorf("a cache that is not: got %v", err)
	}
}
