package release

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// actionMetrics count and time what is done about releases.
type actionMetrics struct{ seconds *prometheus.HistogramVec }

var releaseActions = actionMetrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "cnat_database_release_action_seconds",
	Help:    "Time that actions on the Helm releases of Databases took, by action and outcome (succeeded, failed, retried).",
	Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
}, []string{"action", "outcome"})}

func init() { metrics.Registry.MustRegister(releaseActions.seconds) }

func (m actionMetrics) observe(kind actionKind, result Result, err error, took time.Duration) {
	if kind == actionNone || kind == actionWait || kind == actionRefuse {
		return
	}
	outcome := "succeeded"
	switch {
	case err != nil:
		outcome = "retried"
	case result.Problem != nil:
		outcome = "failed"
	}
	m.seconds.WithLabelValues(string(kind), outcome).Observe(took.Seconds())
}
