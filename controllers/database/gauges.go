package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	v1 "example.com/cnat-operator/api/database/v1"
)

// What there is of each Database. Its namespace is no label "namespace": Prometheus has one of that name on everything,
// with the operator's.
var (
	ofDatabase = []string{"database_namespace", "database"}

	readyDesc   = prometheus.NewDesc("cnat_database_ready", "Whether the Database is ready: 1 or 0.", ofDatabase, nil)
	sizeDesc    = prometheus.NewDesc("cnat_database_storage_bytes", "Size of the volume that holds the data.", ofDatabase, nil)
	healthyDesc = prometheus.NewDesc("cnat_database_backup_healthy",
		"Whether the newest backup succeeded: 1 or 0; absent before there was one.", ofDatabase, nil)
	backupDesc = prometheus.NewDesc("cnat_database_backup_last_success_timestamp_seconds",
		"When the newest good backup was complete, in Unix time.", ofDatabase, nil)
	expectedDesc = prometheus.NewDesc("cnat_database_backup_expected_timestamp_seconds",
		"By when there should be a newer good backup, in Unix time: the second time of the schedule after the newest.", ofDatabase, nil)
)

// gauges reads the Databases from the cache when Prometheus asks, so that nothing has to be kept or forgotten.
type gauges struct{ databases client.Reader }

// RegisterMetrics registers what there is of each Database.
func RegisterMetrics(databases client.Reader) error {
	err := metrics.Registry.Register(gauges{databases})
	if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
		return fmt.Errorf("register the metrics of Databases: %w", err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{readyDesc, sizeDesc, healthyDesc, backupDesc, expectedDesc} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector. Before the cache is there it has nothing to report, which is no error: it would
// take all other metrics with it.
func (g gauges) Collect(collected chan<- prometheus.Metric) {
	list := &v1.DatabaseList{}
	if err := g.databases.List(context.Background(), list, client.UnsafeDisableDeepCopy); err != nil {
		return
	}
	for i := range list.Items {
		db := &list.Items[i]
		for desc, value := range gaugesOf(db) {
			collected <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, db.Namespace, db.Name)
		}
	}
}

// gaugesOf are the values of one Database; none while it is being deleted.
func gaugesOf(db *v1.Database) map[*prometheus.Desc]float64 {
	values := map[*prometheus.Desc]float64{}
	if !db.DeletionTimestamp.IsZero() {
		return values
	}
	values[readyDesc] = oneIf(meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady))
	if size := db.Status.Storage.Size; size != nil {
		values[sizeDesc] = size.AsApproximateFloat64()
	}
	healthy := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy)
	if db.Spec.Backup == nil || healthy == nil {
		return values
	}
	if healthy.Status != metav1.ConditionUnknown {
		values[healthyDesc] = oneIf(healthy.Status == metav1.ConditionTrue)
	}
	last := healthy.LastTransitionTime // where there is none: since then
	if success := db.Status.Backup.LastSuccessTime; success != nil {
		last = *success
		values[backupDesc] = float64(last.Unix())
	}
	if expected := backupExpected(db.Spec.Backup, last.Time); !expected.IsZero() {
		values[expectedDesc] = float64(expected.Unix())
	}
	return values
}

// backupExpected is the second time of a backup's schedule after the last one; zero: there is none. A schedule that is
// suspended counts: a suspension that was forgotten is what it is for. It is computed as the CronJob's controller does.
func backupExpected(backup *v1.DatabaseBackup, last time.Time) time.Time {
	if backup.Schedule == "" {
		return time.Time{}
	}
	schedule, err := cron.ParseStandard("TZ=" + cmp.Or(backup.TimeZone, "UTC") + " " + backup.Schedule)
	if err != nil {
		return time.Time{} // The condition Stalled has it.
	}
	next := schedule.Next(last)
	if next.IsZero() {
		return next
	}
	return schedule.Next(next)
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
