package database

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

const (
	// finalizer holds a Database until its release is uninstalled.
	finalizer = "databases.example.com/release"

	// labelDatabase is on everything that belongs to a Database, with its name: events of these objects lead back to it.
	// An owner reference would not do, since the volume claim must have none.
	labelDatabase = dbname.LabelDatabase

	labelManagedBy = dbname.LabelManagedBy
	labelPartOf    = "app.kubernetes.io/part-of"
	partOf         = dbname.Operator

	// labelRetained is on the volume claim and the Secret of a Database that was deleted and left them behind.
	labelRetained = "example.com/retained"

	// labelComponent tells the server's pods from those of backups.
	labelComponent    = dbname.LabelComponent
	componentDatabase = dbname.ComponentDatabase
	componentBackup   = dbname.ComponentBackup

	serverPort = 5432
)

func releaseName(db *v1.Database) string { return releaseOf(db.Name) }

// releaseOf is the name of the release of the Database of a name.
func releaseOf(database string) string { return dbname.Release(database) }

func claimName(db *v1.Database) string { return dbname.Claim(db.Name) }

// backupName is the name of the CronJob, and of the volume claim with the dumps, of the Database of a name.
func backupName(database string) string { return dbname.Backup(database) }

func backupClaimName(db *v1.Database) string { return backupName(db.Name) }

func configName(db *v1.Database) string { return releaseName(db) + "-config" }

func credentialsName(db *v1.Database) string { return releaseName(db) + "-credentials" }

func bindingName(db *v1.Database) string { return releaseName(db) + "-binding" }

func exporterName(db *v1.Database) string { return releaseName(db) + "-exporter" }

// podName is that of the StatefulSet's only pod.
func podName(db *v1.Database) string { return dbname.Pod(db.Name) }

// host is the server's name inside the cluster.
func host(db *v1.Database) string { return fmt.Sprintf("%s.%s.svc", releaseName(db), db.Namespace) }

func endpoint(db *v1.Database) string {
	return fmt.Sprintf("%s:%d", host(db), serverPort)
}

// databaseName is a valid identifier, since the API server lets no other name of a Database in.
func databaseName(db *v1.Database) string {
	if db.Spec.DatabaseName != "" {
		return db.Spec.DatabaseName
	}
	return strings.ReplaceAll(db.Name, "-", "_")
}

// ownLabels are on the objects that the operator makes itself. Those of the chart have the same and Helm's.
func ownLabels(db *v1.Database) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     "postgresql",
		"app.kubernetes.io/instance": releaseName(db),
		labelComponent:               componentDatabase,
		labelManagedBy:               partOf,
		labelPartOf:                  partOf,
		labelDatabase:                db.Name,
	}
}

// ownedSelector selects the objects that are cached: those of this operator, not the Secrets of the whole cluster.
var ownedSelector = metav1.LabelSelector{MatchLabels: map[string]string{labelPartOf: partOf}}
