package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
