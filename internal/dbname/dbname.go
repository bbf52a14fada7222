// Package dbname has the names of what belongs to a Database, which the operator and the plugin of kubectl must agree
// on.
package dbname

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// LabelDatabase is on everything that belongs to a Database, with its name.
	LabelDatabase = "example.com/database"
	// LabelComponent distinguishes the server's objects from those of backups.
	LabelComponent = "app.kubernetes.io/component"
	// ComponentDatabase is its value on those of the server.
	ComponentDatabase = "database"
	// ComponentBackup is its value on those of backups.
	ComponentBackup = "backup"
	// LabelManagedBy says who created an object.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// Operator is its value on the objects that the operator creates itself.
	Operator = "cnat-operator"
	// AnnotationGenerated is on a Secret with a generated password, and says when that was generated.
	AnnotationGenerated = "example.com/password-generated-at"
)

// ServerContainer is the container of the server in its pod.
const ServerContainer = "postgres"

// Release is the name of the Helm release of the Database of a name, and of its StatefulSet and Service. It has a
// suffix of its own, since a release "wordpress" is more likely to be the blog than its database.
func Release(database string) string { return database + "-database" }

// Pod is the name of the StatefulSet's only pod.
func Pod(database string) string { return Release(database) + "-0" }

// Claim is the name of the volume claim with the data.
func Claim(database string) string { return Release(database) + "-data" }

// Backup is the name of the CronJob, and of the volume claim with the dumps. The release's name and a suffix would be
// too long for a CronJob.
func Backup(database string) string { return database + "-backup" }

// BackupJob is the name of the Job for a request of a backup: the same each time for the same request.
func BackupJob(database string, uid types.UID, request string) string {
	sum := sha256.Sum256([]byte(string(uid) + request))
	return Backup(database) + "-" + hex.EncodeToString(sum[:4])
}
