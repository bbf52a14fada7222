package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// readyTimeout is how long a question of the readiness probe may take; the
// probe's own timeout is longer.
const readyTimeout = 2 * time.Second

// errNotSynced means that the cache does not yet have what is in the cluster.
var errNotSynced = errors.New("the cache is not synced")

// cacheSynced is well once the cache has what is in the cluster.
func cacheSynced(objects cache.Informers) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), readyTimeout)
		defer cancel()
		if !objects.WaitForCacheSync(ctx) {
			return errNotSynced
		}
		return nil
	}
}

// apiServerReachable is well while the API server is ready to answer.
func apiServerReachable(clients kubernetes.Interface) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), readyTimeout)
		defer cancel()
		if err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return fmt.Errorf("asking the API server whether it is ready: %w", err)
		}
		return nil
	}
}
