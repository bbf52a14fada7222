package at

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// From 1 ms to about 2 min, since CronJob's own metrics begin at 1 s and so
// hide whether a start was late at all.
var latencyBuckets = prometheus.ExponentialBuckets(0.001, 2, 18)

var (
	jobLatency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "cnat_at_job_start_latency_seconds",
		Help:    "Time from when an At was due, or free to start if that was later, to the start of its Job.",
		Buckets: latencyBuckets,
	})
	containerLatency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "cnat_at_container_start_latency_seconds",
		Help:    "Time from when an At was due, or free to start if that was later, to the start of its first container, which Kubernetes reports in whole seconds.",
		Buckets: latencyBuckets,
	})
	runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cnat_at_runs_total",
		Help: "Ats that are over, by the phase that they ended in.",
	}, []string{"outcome"})
	refusalsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cnat_at_refusals_total",
		Help: "Attempts to create or start a Job, or to have its creation tried, that the API server refused, by reason.",
	}, []string{"reason"})

	atsDesc     = prometheus.NewDesc("cnat_ats", "Ats by phase.", []string{"phase"}, nil)
	stalledDesc = prometheus.NewDesc("cnat_ats_stalled", "Ats that require user action, by reason.", []string{"reason"}, nil)
	nextDueDesc = prometheus.NewDesc("cnat_at_next_due_timestamp_seconds",
		"When the next At is due that is neither suspended nor stalled, in Unix time; absent if none is.", nil, nil)
)

// RegisterMetrics registers the metrics. Those that count objects are the census'.
func RegisterMetrics(c *census) error {
	collectors := []prometheus.Collector{jobLatency, containerLatency, runs, refusalsTotal, &atCollector{c}}
	var errs []error
	for _, collector := range collectors {
		err := metrics.Registry.Register(collector)
		if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
			errs = append(errs, fmt.Errorf("registering a metric: %w", err))
		}
	}
	return errors.Join(errs...)
}

// measure counts what a change of status, from old to the At's own, says.
func measure(at *cnatv1.At, old *cnatv1.AtStatus) {
	next := &at.Status
	if old.StartLatency == nil && next.StartLatency != nil {
		jobLatency.Observe(next.StartLatency.Seconds())
	}
	if old.StartTime == nil && next.StartTime != nil {
		containerLatency.Observe(max(0, next.StartTime.Sub(freeTime(at, next))).Seconds())
	}
	if !old.Finished() && next.Finished() {
		runs.WithLabelValues(string(next.Phase)).Inc()
	}
}

// atCollector reports what the census has counted.
type atCollector struct{ census *census }

// Describe implements prometheus.Collector.
func (c *atCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- atsDesc
	descs <- stalledDesc
	descs <- nextDueDesc
}

// Collect implements prometheus.Collector.
func (c *atCollector) Collect(collected chan<- prometheus.Metric) {
	if next := c.census.nextDue(); !next.IsZero() {
		collected <- prometheus.MustNewConstMetric(nextDueDesc, prometheus.GaugeValue, float64(next.Unix()))
	}
	c.census.Lock()
	defer c.census.Unlock()
	for phase, n := range c.census.phases {
		collected <- prometheus.MustNewConstMetric(atsDesc, prometheus.GaugeValue, float64(n), string(phase))
	}
	for reason, n := range c.census.stalled {
		collected <- prometheus.MustNewConstMetric(stalledDesc, prometheus.GaugeValue, float64(n), reason)
	}
}
