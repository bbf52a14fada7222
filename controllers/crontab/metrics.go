package crontab

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

var (
	runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cnat_crontab_runs_total",
		Help: "Runs of CronTabs that are over, by the phase that their At ended in.",
	}, []string{"outcome"})
	missedRuns = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cnat_crontab_missed_runs_total",
		Help: "Scheduled times of CronTabs that passed without a run.",
	})
)

// registerMetrics registers the metrics. How late runs are is counted by those of Ats.
func registerMetrics() error {
	var errs []error
	for _, collector := range []prometheus.Collector{runs, missedRuns} {
		err := metrics.Registry.Register(collector)
		if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
			errs = append(errs, fmt.Errorf("registering a metric: %w", err))
		}
	}
	return errors.Join(errs...)
}

// measure counts what a change of status reports.
func measure(old, next *v1.CronTabStatus, seen *snapshot) {
	for _, at := range ended(old, next, seen) {
		runs.WithLabelValues(string(at.Status.Phase)).Inc()
	}
	missedRuns.Add(float64(max(0, ptr.Deref(next.MissedRuns, 0)-ptr.Deref(old.MissedRuns, 0))))
}
