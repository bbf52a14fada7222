package database

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/storage"
)

func TestBackupValues(t *testing.T) {
	usual := map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "128Mi"}}
	for _, test := range []struct {
		name string
		edit func(*v1.Database)
		want map[string]any
	}{
		{"none", func(*v1.Database) {}, map[string]any{}},
		{"on request only", func(db *v1.Database) { db.Spec.Backup = &v1.DatabaseBackup{Retain: 7} }, map[string]any{
			"backup": map[string]any{
				"name": "blog", "schedule": "", "timeZone": "", "suspend": false, "retain": int64(7),
				"resources": usual, "storage": map[string]any{"size": "2Gi"},
			},
		}},
		{"all given", func(db *v1.Database) {
			db.Spec.Backup = &v1.DatabaseBackup{
				Schedule: "@daily", TimeZone: "Europe/Berlin", Suspend: ptr.To(true), Retain: 2, Verification: v1.VerificationRead,
				Storage:   v1.BackupStorage{StorageClassName: "slow"},
				Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": *quantity("1Gi")}},
			}
		}, map[string]any{"backup": map[string]any{
			"name": "blog", "schedule": "@daily", "timeZone": "Europe/Berlin", "suspend": true, "retain": int64(2), "verification": "Read",
			"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}}, "storage": map[string]any{"size": "2Gi", "storageClassName": "slow"},
		}}},
		{"to restore", func(db *v1.Database) {
			db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
		}, map[string]any{"restore": map[string]any{"from": "old", "dump": "latest"}}},
		{"restored", func(db *v1.Database) {
			db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
			db.Status.RestoreTime = ago(time.Hour)
		}, map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "blog").build()
			test.edit(db)
			claim := map[string]any{"size": "2Gi"}
			if db.Spec.Backup != nil && db.Spec.Backup.Storage.StorageClassName != "" {
				claim["storageClassName"] = db.Spec.Backup.Storage.StorageClassName
			}
			if got, err := backupValues(db, claim, storage.RestoreSource(db)); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
}
