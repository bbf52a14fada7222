package db

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

// describe writes what is known of a Database, a line for each thing. Texts of the status, and of the pod, are others'.
func describe(tool *cli.Tool, db *v1.Database, used usage) string {
	var text strings.Builder
	line := func(title string, parts ...string) {
		var known []string
		for _, part := range parts {
			if part != "" {
				known = append(known, part)
			}
		}
		if len(known) > 0 {
			fmt.Fprintf(&text, "%-13s %s\n", title, cli.Printable(strings.Join(known, ", ")))
		}
	}
	line("Database", fmt.Sprintf("%s in namespace %s", db.Name, db.Namespace), behind(db))
	for _, kind := range []string{v1.ConditionReady, v1.ConditionStalled, v1.ConditionReconciling} {
		line(kind, describeCondition(tool, db, kind))
	}
	line("Server", describeServer(db)...)
	line("Restarts", describeRestarts(tool, db.Status.Restarts))
	line("Release", describeRelease(db.Status.Release)...)
	line("Storage", describeStorage(db, used)...)
	line("Connections", describeConnections(used))
	if db.Spec.Backup == nil {
		line("Backups", "none: spec.backup is not set")
		return text.String()
	}
	line("Backups", describeHealth(db))
	line("  last", describeLast(tool, db.Status.Backup))
	line("  last failure", describeFailure(tool, db.Status.Backup))
	line("  next", describeNext(tool, db.Spec.Backup))
	return text.String()
}

// behind says that the status is not about the spec that is there.
func behind(db *v1.Database) string {
	switch {
	case db.DeletionTimestamp != nil:
		return "is being deleted"
	case db.Status.ObservedGeneration < 1:
		return "the operator has not seen it yet"
	case db.Status.ObservedGeneration < db.Generation:
		return "the operator has not seen the last change yet"
	default:
		return ""
	}
}

// describeCondition is a line for a condition. Reconciling is there only while it is True.
func describeCondition(tool *cli.Tool, db *v1.Database, kind string) string {
	condition := meta.FindStatusCondition(db.Status.Conditions, kind)
	if condition == nil {
		if kind == v1.ConditionReconciling {
			return ""
		}
		return "Unknown"
	}
	text := string(condition.Status)
	if kind == v1.ConditionReady || condition.Status == metav1.ConditionTrue {
		// The cluster's clock may be ahead.
		since := max(0, tool.Now().Sub(condition.LastTransitionTime.Time))
		text += fmt.Sprintf(" for %s: %s", duration.HumanDuration(since), condition.Reason)
		if condition.Message != "" {
			text += ": " + condition.Message
		}
	}
	return text
}

func describeServer(db *v1.Database) []string {
	version := ""
	if db.Status.ServerVersion != "" {
		version = "PostgreSQL " + db.Status.ServerVersion
	}
	return []string{
		version, db.Status.Image, db.Status.Endpoint,
		fmt.Sprintf("database %s of user %s", databaseName(db), db.Spec.User), db.Status.Encoding,
	}
}

func describeRestarts(tool *cli.Tool, restarts v1.RestartStatus) string {
	if restarts.Count == 0 && restarts.Crashes == 0 {
		return ""
	}
	text := fmt.Sprintf("%d, and %d crashes", restarts.Count, restarts.Crashes)
	if restarts.LastTime != nil {
		text += fmt.Sprintf(", the last %s: %s %s",
			tool.Distance(restarts.LastTime.Time), restarts.LastReason, restarts.LastMessage)
	}
	return text
}

func describeRelease(release v1.ReleaseStatus) []string {
	if release.Name == "" {
		return []string{"none yet"}
	}
	failure := ""
	if release.LastFailureMessage != "" {
		failure = fmt.Sprintf("%d failures, the last: %s", release.Failures, release.LastFailureMessage)
	}
	return []string{
		fmt.Sprintf("%s revision %d %s", release.Name, release.Revision, release.Status),
		"chart " + cmp.Or(release.ChartVersion, "unknown"), failure,
	}
}

func describeStorage(db *v1.Database, used usage) []string {
	storage := db.Status.Storage
	size := "size unknown"
	if storage.Size != nil {
		size = storage.Size.String()
	} else if db.Spec.Storage.Size != nil {
		size = db.Spec.Storage.Size.String() + " wanted"
	}
	class := ""
	if storage.StorageClassName != "" {
		class = "class " + storage.StorageClassName
	}
	parts := []string{size, storage.Phase, class}
	switch {
	case used.storageErr != nil && used.serverErr != nil && used.storageErr.Error() == used.serverErr.Error():
		parts = append(parts, "used: not known, as the connections")
	case used.storageErr != nil:
		parts = append(parts, "used: not known: "+used.storageErr.Error())
	case used.used+used.free > 0:
		// Some volumes are a folder of a larger file system, so both numbers are printed.
		parts = append(parts, fmt.Sprintf("%d%% of its file system used (%s, %s free)",
			used.used*100/(used.used+used.free), bytesOf(used.used), bytesOf(used.free)))
	}
	if used.serverErr == nil && used.size >= 0 {
		parts = append(parts, "the database has "+bytesOf(used.size))
	}
	return parts
}

func describeConnections(used usage) string {
	if used.serverErr != nil {
		return "not known: " + used.serverErr.Error()
	}
	return fmt.Sprintf("%d of %d", used.connections, used.limit)
}

func describeHealth(db *v1.Database) string {
	condition := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy)
	if condition == nil {
		return "nothing is known yet"
	}
	health := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "healthy", metav1.ConditionFalse: "not healthy"}
	return fmt.Sprintf("%s: %s: %s", cmp.Or(health[condition.Status], "unknown"), condition.Reason, condition.Message)
}

func describeLast(tool *cli.Tool, backup v1.BackupStatus) string {
	if backup.LastSuccessTime == nil {
		return "none"
	}
	text := tool.When(backup.LastSuccessTime.Time)
	if backup.LastSuccessName != "" {
		text += fmt.Sprintf(", %s, %s", backup.LastSuccessName, bytesOf(backup.LastSuccessBytes))
	}
	if backup.LastSuccessRestoredTime != nil {
		return text + ", verified by a restore"
	}
	return text + ", verified by reading it"
}

func describeFailure(tool *cli.Tool, backup v1.BackupStatus) string {
	if backup.LastFailureTime == nil {
		return ""
	}
	return tool.When(backup.LastFailureTime.Time) + ": " + backup.LastFailureMessage
}

// describeNext is when the CronJob makes the next backup. It is computed as the CronJob's controller does.
func describeNext(tool *cli.Tool, backup *v1.DatabaseBackup) string {
	if backup.Schedule == "" {
		return "when it is asked for: there is no schedule"
	}
	zone := cmp.Or(backup.TimeZone, "UTC")
	schedule := fmt.Sprintf("schedule %q in %s", backup.Schedule, zone)
	if backup.Suspend != nil && *backup.Suspend {
		return "when it is asked for: " + schedule + " is suspended"
	}
	parsed, err := cron.ParseStandard("TZ=" + zone + " " + backup.Schedule)
	if err != nil {
		return schedule
	}
	next := parsed.Next(tool.Now())
	if next.IsZero() {
		return "never by " + schedule
	}
	return tool.When(next) + ", " + schedule
}

// bytesOf writes a number of bytes as Kubernetes does, rounded to three digits or so.
func bytesOf(number int64) string {
	quantity := resource.NewQuantity(number, resource.BinarySI)
	for _, unit := range []struct {
		bytes  int64
		suffix string
	}{{1 << 40, "Ti"}, {1 << 30, "Gi"}, {1 << 20, "Mi"}, {1 << 10, "Ki"}} {
		if number >= unit.bytes {
			return fmt.Sprintf("%.1f%s", float64(number)/float64(unit.bytes), unit.suffix)
		}
	}
	return quantity.String()
}
