// Command manager is the operator: it runs the controllers of At, CronTab and Database.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/at"
	"example.com/cnat-operator/controllers/crontab"
	"example.com/cnat-operator/controllers/database"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/storageversion"
	"example.com/cnat-operator/internal/helm"
	"example.com/cnat-operator/internal/olm"
	// +kubebuilder:scaffold:imports
)

// gcPercent is by how much the heap may grow until garbage is collected, where the environment's GOGC does not say.
// Go's own 100 doubles it. What lives is small, so that a little CPU time saves a good part of the memory.
const gcPercent = 50

func main() {
	var opts options
	opts.bind(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	showVersion := flag.Bool("version", false, "Print the version and exit.")
	flag.Parse()
	if *showVersion {
		fmt.Println(versionText())
		return
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	goruntime.MemProfileRate = 0 // The operator serves no profiles.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}

	if err := run(opts); err != nil {
		ctrl.Log.Error(err, "The operator stops")
		os.Exit(1)
	}
}

// run serves until a signal or an error ends it.
func run(opts options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS = -1 // the API server's own priority and fairness limits the operator
	config.UserAgent = "cnat-operator"
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	ctx := ctrl.SetupSignalHandler()
	if err := awaitAPIServer(ctx, clients); err != nil {
		return err
	}

	options := opts.manager()
	options.Metrics.TLSOpts = metricsTLS(ctx, clients)
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return fmt.Errorf("creating the manager: %w", err)
	}
	if err := setup(mgr, opts, clients); err != nil {
		return err
	}
	ctrl.Log.Info("The operator starts", "version", version, "namespaces", cmp.Or(os.Getenv("WATCH_NAMESPACE"), "all"))
	go returnMemory(ctx, clock.RealClock{}, collections, debug.FreeOSMemory)
	return mgr.Start(ctx)
}

// setup registers the controllers and the probes.
func setup(mgr ctrl.Manager, opts options, clients kubernetes.Interface) error {
	if err := setupAts(mgr, opts); err != nil {
		return err
	}
	if err := setupCronTabs(mgr, opts); err != nil {
		return err
	}

	chart, err := helm.LoadChart(opts.databaseChart)
	if err != nil {
		return fmt.Errorf("loading the chart of a Database: %w", err)
	}
	releases, err := helm.New(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetRESTMapper(), chart, release.ChartObjects)
	if err != nil {
		return fmt.Errorf("setting up Helm: %w", err)
	}
	databases := &database.Reconciler{
		Client:                  mgr.GetClient(),
		APIReader:               mgr.GetAPIReader(),
		Recorder:                mgr.GetEventRecorder("database-controller"),
		Releases:                releases,
		DefaultImage:            opts.databaseImage,
		DefaultVersion:          opts.databaseVersion,
		ExporterImage:           opts.exporterImage,
		MaxConcurrentReconciles: opts.databaseWorkers,
		MaxConcurrentRollouts:   opts.databaseRollouts,
		Namespaces:              opts.namespaces(),
	}
	if err := databases.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the Database controller: %w", err)
	}

	// +kubebuilder:scaffold:builder

	if err := olm.Setup(mgr); err != nil {
		return fmt.Errorf("setting up what OLM reads: %w", err)
	}

	return errors.Join(
		registerBuildInfo(metrics.Registry),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("cache", cacheSynced(mgr.GetCache())),
		mgr.AddReadyzCheck("api-server", apiServerReachable(clients)),
	)
}

func setupAts(mgr ctrl.Manager, opts options) error {
	ats := &at.Reconciler{
		Client:       mgr.GetClient(),
		APIReader:    mgr.GetAPIReader(),
		Recorder:     mgr.GetEventRecorder("at-controller"),
		Clock:        clock.RealClock{},
		CommandImage: opts.commandImage,
		Workers:      opts.atWorkers,
		DefaultTTL:   opts.atDefaultTTL,
	}
	if err := ats.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the At controller: %w", err)
	}
	migration := &storageversion.Migration{
		Client:     mgr.GetClient(),
		APIReader:  mgr.GetAPIReader(),
		Clock:      clock.RealClock{},
		Namespaced: opts.namespaces() != nil,
	}
	if err := mgr.Add(migration); err != nil {
		return fmt.Errorf("adding the migration of stored Ats: %w", err)
	}
	return nil
}

func setupCronTabs(mgr ctrl.Manager, opts options) error {
	crontabs := &crontab.Reconciler{
		Client:       mgr.GetClient(),
		APIReader:    mgr.GetAPIReader(),
		Recorder:     mgr.GetEventRecorder("crontab-controller"),
		Clock:        clock.RealClock{},
		CommandImage: opts.commandImage,
		Workers:      opts.crontabWorkers,
	}
	if err := crontabs.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the CronTab controller: %w", err)
	}
	return nil
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	utilruntime.Must(crontabv1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	// +kubebuilder:scaffold:scheme
	return scheme
}
