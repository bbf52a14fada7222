package at

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// From 1 ms to about 2 min, since CronJob's own metrics begin at 1 s and so
// hide whether a start was late at all.
var latencyBuckets = prometheus.ExponentialBuckets(0.001, 2, 18)

var (
	jobLatency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "cnat_at_job_start_latency_seconds",
		Help:    "Time from when an At was due, or created if that was later, to the creation of its Job.",
		Buckets: latencyBuckets,
	})
	containerLatency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "cnat_at_container_start_latency_seconds",
		Help:    "Time from when an At was due, or created if that was later, to the start of its first container, which Kubernetes tells in whole seconds.",
		Buckets: latencyBuckets,
	})
	runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cnat_at_runs_total",
		Help: "Ats that are over, by the phase that they ended in.",
	}, []string{"outcome"})

	atsDesc     = prometheus.NewDesc("cnat_ats", "Ats by phase.", []string{"phase"}, nil)
	nextDueDesc = prometheus.NewDesc("cnat_at_next_due_timestamp_seconds", "When the next At is due, in Unix time; not there if none is.", nil, nil)
)

// RegisterMetrics makes the metrics known. Those that count objects are
// computed from the cache when they are asked for.
func RegisterMetrics(reader client.Reader) error {
	var errs []error
	for _, collector := range []prometheus.Collector{jobLatency, containerLatency, runs, &atCollector{reader}} {
		err := metrics.Registry.Register(collector)
		if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
			errs = append(errs, fmt.Errorf("registering a metric: %w", err))
		}
	}
	return errors.Join(errs...)
}

// measure counts what a change of status, from old to the At's own, tells.
func measure(at *cnatv1alpha1.At, old *cnatv1alpha1.AtStatus) {
	next := &at.Status
	if old.StartLatency == nil && next.StartLatency != nil {
		jobLatency.Observe(next.StartLatency.Seconds())
	}
	if old.StartTime == nil && next.StartTime != nil {
		containerLatency.Observe(lateness(at, next.StartTime.Time).Seconds())
	}
	if !old.Finished() && next.Finished() {
		runs.WithLabelValues(string(next.Phase)).Inc()
	}
}

// atCollector tells of all Ats in the cache.
type atCollector struct{ reader client.Reader }

// Describe implements prometheus.Collector.
func (c *atCollector) Describe(descs chan<- *prometheus.Desc) { descs <- atsDesc; descs <- nextDueDesc }

// Collect implements prometheus.Collector.
func (c *atCollector) Collect(collected chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ats := &cnatv1alpha1.AtList{}
	if err := c.reader.List(ctx, ats, client.UnsafeDisableDeepCopy); err != nil {
		log.Log.Error(err, "Listing the Ats for metrics")
		return
	}
	phases, next := summarize(ats.Items)
	for phase, n := range phases {
		collected <- prometheus.MustNewConstMetric(atsDesc, prometheus.GaugeValue, float64(n), string(phase))
	}
	if !next.IsZero() {
		collected <- prometheus.MustNewConstMetric(nextDueDesc, prometheus.GaugeValue, float64(next.UnixMilli())/1000)
	}
}

// summarize counts Ats by phase and finds when the next one is due that has no
// Job yet.
func summarize(ats []cnatv1alpha1.At) (phases map[cnatv1alpha1.AtPhase]int, next time.Time) {
	phases = map[cnatv1alpha1.AtPhase]int{}
	for i := range ats {
		at := &ats[i]
		phase := at.Status.Phase
		if phase == "" {
			phase = cnatv1alpha1.AtPending
		}
		phases[phase]++
		if due := at.DueTime().Time; phase == cnatv1alpha1.AtPending && at.Status.JobUID == "" && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return phases, next
}
