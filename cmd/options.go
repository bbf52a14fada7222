package main

import (
	"cmp"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"time"

	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"example.com/cnat-operator/config/manager"
	"example.com/cnat-operator/controllers/at"
	"example.com/cnat-operator/controllers/crontab"
	"example.com/cnat-operator/controllers/database"
)

// leaderElectionID names the Lease that the leader holds.
const leaderElectionID = "cnat-operator.cnat.programming-kubernetes.info"

// options are what the flags and the environment say.
type options struct {
	metricsAddress string
	metricsSecure  bool
	probeAddress   string
	leaderElect    bool

	commandImage string
	atWorkers    int
	atDefaultTTL *time.Duration // nil: not set

	crontabWorkers int

	databaseImage    string
	databaseVersion  string
	exporterImage    string
	databaseChart    string
	databaseWorkers  int
	databaseRollouts int
}

func (o *options) bind(flags *flag.FlagSet) {
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "Where to serve metrics; 0 serves none.")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"Serve metrics by HTTPS, to those only whom the API server authorizes.")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "Where to serve /healthz and /readyz.")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "Elect a leader among several replicas; the others stand by.")

	// OLM lists a bundle's images from the variables RELATED_IMAGE_*.
	flags.StringVar(&o.commandImage, "command-image",
		cmp.Or(os.Getenv("RELATED_IMAGE_SHELL"), manager.Image("SHELL_IMAGE")),
		"The image that runs the command of an At or a CronTab; it must have sh. Default from RELATED_IMAGE_SHELL.")
	flags.Func("default-ttl",
		"How long an At that is over and has no ttlSecondsAfterFinished is kept, like 168h. Not set: for ever.",
		func(value string) error {
			ttl, err := time.ParseDuration(value)
			if err == nil && ttl < 0 {
				err = errors.New("it must not be negative")
			}
			o.atDefaultTTL = &ttl
			return err
		})
	flags.IntVar(&o.atWorkers, "at-workers", 16, "How many Ats are reconciled side by side.")
	flags.IntVar(&o.crontabWorkers, "crontab-workers", 16, "How many CronTabs are reconciled side by side.")
	flags.StringVar(&o.databaseImage, "database-image",
		cmp.Or(os.Getenv("RELATED_IMAGE_POSTGRES"), manager.Image("POSTGRES_IMAGE")),
		"The PostgreSQL image of Databases that name none. Default from RELATED_IMAGE_POSTGRES.")
	flags.StringVar(&o.databaseVersion, "database-version", os.Getenv("DATABASE_VERSION"),
		"The major version of PostgreSQL in --database-image where that is by digest alone, which does not tell it. "+
			"Default from DATABASE_VERSION.")
	flags.StringVar(&o.exporterImage, "exporter-image",
		cmp.Or(os.Getenv("RELATED_IMAGE_EXPORTER"), manager.Image("EXPORTER_IMAGE")),
		"The image of postgres_exporter for Databases with monitoring. Default from RELATED_IMAGE_EXPORTER.")
	flags.StringVar(&o.databaseChart, "database-chart", "/helm-charts/database", "The folder of the chart that Databases are released from.")
	flags.IntVar(&o.databaseWorkers, "database-workers", 4, "How many Databases are reconciled side by side.")
	flags.IntVar(&o.databaseRollouts, "database-rollouts", 1,
		"How many Databases may be not ready at once for an upgrade that nobody asked for, as to a newer chart.")
}

// manager are the manager's options.
func (o *options) manager() ctrl.Options {
	metrics := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure}
	if o.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return ctrl.Options{
		Scheme: newScheme(),
		Cache: cache.Options{
			ByObject:          cachedObjects(),
			DefaultNamespaces: o.namespaces(),
			DefaultTransform:  cache.TransformStripManagedFields(),
		},
		Metrics:                metrics,
		HealthProbeBindAddress: o.probeAddress,
		LeaderElection:         o.leaderElect,
		LeaderElectionID:       leaderElectionID,
		// The process ends when the manager does, so a new leader need not wait
		// for the lease to run out. After a crash, failover takes LeaseDuration and
		// up to 2 x 1.1 retry periods: one to see the last renewal, one to retry.
		LeaderElectionReleaseOnCancel: true,
		// Nothing rests on there being one leader: these say how long a failover
		// takes, and that a leader that can't renew gives up before another begins.
		// It works on for RetryPeriod + RenewDeadline, and then up to twice half a
		// RenewDeadline, while it tries to give up its lease.
		LeaseDuration: ptr.To(15 * time.Second),
		RenewDeadline: ptr.To(6 * time.Second),
		RetryPeriod:   ptr.To(500 * time.Millisecond),
		// Less than the pod's, so that the lease is released before the kubelet kills.
		GracefulShutdownTimeout: ptr.To(8 * time.Second),
	}
}

// namespaces are those to watch: the comma-separated WATCH_NAMESPACE, which OLM
// sets from the OperatorGroup. Empty or not set: all.
func (o *options) namespaces() map[string]cache.Config {
	var namespaces map[string]cache.Config
	for name := range strings.SplitSeq(os.Getenv("WATCH_NAMESPACE"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			if namespaces == nil {
				namespaces = map[string]cache.Config{}
			}
			namespaces[name] = cache.Config{}
		}
	}
	return namespaces
}

// cachedObjects are those of all controllers. Of a type that several name, any
// will do: all select by the operator's own label.
func cachedObjects() map[client.Object]cache.ByObject {
	all := at.CachedObjects()
	named := map[reflect.Type]bool{}
	for object := range all {
		named[reflect.TypeOf(object)] = true
	}
	for _, others := range []map[client.Object]cache.ByObject{crontab.CachedObjects(), database.CachedObjects()} {
		for object, how := range others {
			if kind := reflect.TypeOf(object); !named[kind] {
				named[kind], all[object] = true, how
			}
		}
	}
	return all
}
