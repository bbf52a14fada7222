package database

import (
	"context"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/internal/helm"
	"example.com/cnat-operator/internal/testenv"
)

// What the tests against an API server share. There is no kubelet and no controller but ours: the tests play those.
var (
	apiConfig *rest.Config
	api       client.Client
	scheme    = runtime.NewScheme()
)

const chartDir = "../../helm-charts/database"

func TestMain(m *testing.M) {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1.AddToScheme(scheme))
	os.Exit(testenv.Run(m, func(config *rest.Config) (err error) {
		apiConfig = config
		api, err = client.New(config, client.Options{Scheme: scheme})
		return err
	}))
}

// operator is a running operator, for one namespace of its own.
type operator struct {
	engine     *helm.Engine
	reconciler *Reconciler
	stop       func()
}

// operatorOptions say how an operator differs from the usual.
type operatorOptions struct {
	// chart is the chart's directory.
	chart string
	// wrap puts something between the reconciler and Helm.
	wrap func(release.Releases) release.Releases
	// transport is put before the way to the API server.
	transport func(http.RoundTripper) http.RoundTripper
	// clock is the operator's; nil: the real one.
	clock clock.PassiveClock
	// logger takes the log.
	logger logr.Logger
}

// newNamespace makes a namespace for one test.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "database-"}}
	if err := api.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func newEngine(t *testing.T, cfg *rest.Config, dir string, possible func(client.Object) []helm.ID) *helm.Engine {
	t.Helper()
	chart, err := helm.LoadChart(dir)
	if err != nil {
		t.Fatal(err)
	}
	httpClient, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := helm.New(cfg, httpClient, api.RESTMapper(), chart, possible)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// startOperator runs an operator until the test ends or stops it.
func startOperator(t *testing.T, namespace string, options operatorOptions) *operator {
	t.Helper()
	cfg := testenv.Account(apiConfig)
	if options.transport != nil {
		cfg.Wrap(options.transport)
	}
	if options.chart == "" {
		options.chart = chartDir
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme,
		Logger:  options.logger,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{
			ByObject:          CachedObjects(),
			DefaultNamespaces: map[string]cache.Config{namespace: {}},
		},
		// Each test has a controller of this name in the one process.
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	running := &operator{engine: newEngine(t, cfg, options.chart, release.ChartObjects)}
	var releases release.Releases = running.engine
	if options.wrap != nil {
		releases = options.wrap(releases)
	}
	running.reconciler = &Reconciler{
		Client:       mgr.GetClient(),
		APIReader:    mgr.GetAPIReader(),
		Recorder:     mgr.GetEventRecorder("database-controller"),
		Releases:     releases,
		Clock:        options.clock,
		DefaultImage: "example.com/postgres:18",

		ExporterImage: "example.com/exporter",
		Namespaces:    map[string]cache.Config{namespace: {}},
	}
	if err := running.reconciler.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	running.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.stop)
	return running
}

// eventually waits until check returns no error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(40 * time.Second) // a machine may be slow
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
