package at

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

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

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/testenv"
)

var (
	apiConfig *rest.Config
	api       client.Client
	scheme    = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	flag.Parse()
	if fuzzing() {
		os.Exit(m.Run()) // on a model of the API server; each worker runs this, too
	}
	utilruntime.Must(flag.Set("test.parallel", "8")) // those side by side wait more than they compute
	os.Exit(testenv.Run(m, func(config *rest.Config) (err error) {
		apiConfig = config
		api, err = client.New(config, client.Options{Scheme: scheme})
		return err
	}))
}

// fuzzing reports whether this is a run of `go test -fuzz`.
func fuzzing() bool { return flag.Lookup("test.fuzz").Value.String() != "" }

// newNamespace makes a namespace for one test.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "at-"}}
	if err := api.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// startOperator runs the At controller for one namespace until the test ends.
func startOperator(t *testing.T, namespace string) {
	t.Helper()
	stop, err := runOperator(namespace, func(*Reconciler) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the operator: %v", err)
		}
	})
}

// runOperator runs the At controller, with some changes to it, for one
// namespace until it is stopped.
func runOperator(namespace string, change func(*Reconciler)) (stop func() error, err error) {
	mgr, err := ctrl.NewManager(testenv.Account(apiConfig), ctrl.Options{
		Scheme:     scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{ByObject: CachedObjects(), DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)}, // one controller a test, in one process
	})
	if err != nil {
		return nil, err
	}
	reconciler := &Reconciler{
		Client:       mgr.GetClient(),
		APIReader:    mgr.GetAPIReader(),
		Recorder:     mgr.GetEventRecorder("at-controller"),
		Clock:        clock.RealClock{},
		CommandImage: "busybox",
	}
	change(reconciler)
	if err := reconciler.SetupWithManager(mgr); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	return func() error {
		cancel()
		return <-stopped
	}, nil
}

// patience is far more than anything takes: the machine may be much slower.
const patience = 2 * time.Minute

// eventually waits until check holds.
func eventually(t *testing.T, what string, check func() (bool, error)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, err := check()
		if ok && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s; last error: %v", patience, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
