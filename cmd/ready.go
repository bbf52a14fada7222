package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// readyTimeout is how long a question of the readiness probe may take; the
// probe's own timeout is longer.
const readyTimeout = 2 * time.Second

// startPeriod is how often it is asked at the start whether the API server is ready.
const startPeriod = time.Second

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
	return func(request *http.Request) error { return askWhetherReady(request.Context(), clients) }
}

func askWhetherReady(ctx context.Context, clients kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return fmt.Errorf("asking the API server whether it is ready: %w", err)
	}
	return nil
}

// awaitAPIServer returns once the API server is ready, or refuses to say so, or the context ends. An operator that starts
// before ends at once, or serves metrics for as long as it runs with a certificate that nobody can verify.
func awaitAPIServer(ctx context.Context, clients kubernetes.Interface) error {
	waits := false
	err := wait.PollUntilContextCancel(ctx, startPeriod, true, func(ctx context.Context) (bool, error) {
		err := askWhetherReady(ctx, clients)
		if err == nil || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			return true, nil
		}
		if !waits {
			ctrl.Log.Info("Waiting for the API server", "error", err.Error())
		}
		waits = true
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the API server: %w", err)
	}
	return nil
}
