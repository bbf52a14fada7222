package database

import (
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestGauges(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	type values = map[*prometheus.Desc]float64
	with := func(kind string, status metav1.ConditionStatus) func(*v1.Database) {
		return func(db *v1.Database) {
			meta.SetStatusCondition(&db.Status.Conditions, metav1.Condition{Type: kind, Status: status, LastTransitionTime: metav1.NewTime(noon)})
		}
	}
	backups := func(backup v1.DatabaseBackup, success *metav1.Time) func(*v1.Database) {
		return func(db *v1.Database) { db.Spec.Backup, db.Status.Backup.LastSuccessTime = &backup, success }
	}
	last := metav1.NewTime(noon.Add(10 * time.Minute))
	unix := func(clock time.Time) float64 { return float64(clock.Unix()) }
	for name, test := range map[string]struct {
		edits []func(*v1.Database)
		want  values
	}{
		"new":   {nil, values{readyDesc: 0}},
		"ready": {[]func(*v1.Database){with(v1.ConditionReady, metav1.ConditionTrue)}, values{readyDesc: 1}},
		"with a volume": {
			[]func(*v1.Database){func(db *v1.Database) { db.Status.Storage.Size = quantity("1Ki") }},
			values{readyDesc: 0, sizeDesc: 1024},
		},
		"being deleted": {
			[]func(*v1.Database){func(db *v1.Database) { db.DeletionTimestamp = &last }}, values{},
		},
		"backed up on request": {
			[]func(*v1.Database){with(v1.ConditionBackupHealthy, metav1.ConditionTrue), backups(v1.DatabaseBackup{}, &last)},
			values{readyDesc: 0, healthyDesc: 1, backupDesc: unix(last.Time)},
		},
		"expected after the second time": {
			[]func(*v1.Database){with(v1.ConditionBackupHealthy, metav1.ConditionFalse), backups(v1.DatabaseBackup{Schedule: "@hourly"}, &last)},
			values{readyDesc: 0, healthyDesc: 0, backupDesc: unix(last.Time), expectedDesc: unix(noon.Add(2 * time.Hour))},
		},
		"in its time zone, suspended": {
			[]func(*v1.Database){
				with(v1.ConditionBackupHealthy, metav1.ConditionTrue),
				backups(v1.DatabaseBackup{Schedule: "0 3 * * *", TimeZone: "Asia/Tokyo", Suspend: ptr.To(true)}, &last),
			},
			values{readyDesc: 0, healthyDesc: 1, backupDesc: unix(last.Time), expectedDesc: unix(noon.Add(30 * time.Hour))},
		},
		"never backed up": {
			[]func(*v1.Database){with(v1.ConditionBackupHealthy, metav1.ConditionUnknown), backups(v1.DatabaseBackup{Schedule: "@daily"}, nil)},
			values{readyDesc: 0, expectedDesc: unix(noon.Add(36 * time.Hour))},
		},
		"by a schedule without a time": {
			[]func(*v1.Database){with(v1.ConditionBackupHealthy, metav1.ConditionUnknown), backups(v1.DatabaseBackup{Schedule: "0 0 30 2 *"}, nil)},
			values{readyDesc: 0},
		},
		"without backups any more": {
			[]func(*v1.Database){with(v1.ConditionBackupHealthy, metav1.ConditionTrue), func(db *v1.Database) { db.Status.Backup.LastSuccessTime = &last }},
			values{readyDesc: 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newDatabase("shop", "orders").build()
			for _, edit := range test.edits {
				edit(db)
			}
			if got := gaugesOf(db); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
