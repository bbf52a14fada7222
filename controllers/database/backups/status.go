package backups

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// Decision is what to report of backups, and what to do for a request.
type Decision struct {
	Status v1.BackupStatus
	// Condition is BackupHealthy; nil: there is nothing to report.
	Condition *metav1.Condition
	Events    []step.Event
	Recheck   time.Duration

	// job is to be created for the request; nil: none.
	job     *batchv1.Job
	request string
}

// decide computes what to report of the backups from the Jobs and pods that are there. The status remembers what those
// that were deleted reported.
func decide(db *v1.Database, seen Observed, claim *corev1.PersistentVolumeClaim, now time.Time) *Decision {
	var runs []backupRun
	for i := range seen.Jobs {
		runs = append(runs, runOf(&seen.Jobs[i], seen.Pods, seen.Explanation, now))
	}
	slices.SortFunc(runs, func(a, b backupRun) int {
		return cmp.Or(a.ended.Compare(b.ended.Time), cmp.Compare(a.job, b.job))
	})
	before := db.Status.Backup
	d := &Decision{Status: withoutLostDumps(before, claim)}
	var problem *step.Problem
	var since *metav1.Time
	for _, run := range runs {
		switch {
		case run.ended.IsZero():
			since = &run.began
			problem, d.Recheck = run.problem, step.Sooner(d.Recheck, run.recheck)
		case run.failed == "":
			d.succeeded(run, claim)
		case before.LastFailureTime == nil || before.LastFailureTime.Before(&run.ended):
			d.Status.LastFailureTime, d.Status.LastFailureMessage = &run.ended, run.failed
		}
	}
	d.Condition = backupCondition(d.Status, problem, since)
	if lost := lostDumps(db, d.Status.Storage.ClaimUID, claim); lost != "" {
		*d.Condition = step.Condition(v1.ConditionBackupHealthy, metav1.ConditionFalse, v1.ReasonBackupsLost, lost)
	}
	d.Events = backupEvents(before, d.Status)
	return d
}

// succeeded notes a good backup that is not older than the newest. It may be that one again, whose pod is gone by now:
// what the pod reported stays.
func (d *Decision) succeeded(run backupRun, claim *corev1.PersistentVolumeClaim) {
	if dumpsLost(d.Status.Storage.ClaimUID, claim) && (claim == nil || run.ended.Before(&claim.CreationTimestamp)) {
		return // Its dump was on the claim that was deleted.
	}
	last := d.Status.LastSuccessTime
	if last != nil && run.ended.Before(last) || last != nil && run.ended.Equal(last) && run.dump.Name == "" {
		return
	}
	d.Status.LastSuccessTime = &run.ended
	d.Status.LastSuccessName, d.Status.LastSuccessBytes = run.dump.Name, run.dump.Bytes
	d.Status.LastSuccessRestoredTime = nil
	if run.dump.Restored && !run.dump.Time.IsZero() {
		d.Status.LastSuccessRestoredTime = &run.dump.Time
	}
	if claim != nil {
		d.Status.Storage.ClaimUID = string(claim.UID)
	}
}

// dumpsLost reports whether the claim that held the newest good dump is not there any more.
func dumpsLost(known string, claim *corev1.PersistentVolumeClaim) bool {
	return known != "" && (claim == nil || string(claim.UID) != known)
}

// withoutLostDumps is what a status still says once the claim with the dumps was deleted. The claim's UID stays until there
// is a good backup again. Version 0.2.0 did not note it.
func withoutLostDumps(before v1.BackupStatus, claim *corev1.PersistentVolumeClaim) v1.BackupStatus {
	status := *before.DeepCopy()
	known := status.Storage.ClaimUID
	if known == "" && status.LastSuccessTime != nil && claim != nil {
		known = string(claim.UID)
	}
	status.Storage = step.ClaimStatus(claim, known)
	if dumpsLost(known, claim) {
		status.LastSuccessTime, status.LastSuccessName, status.LastSuccessBytes = nil, "", 0
		status.LastSuccessRestoredTime = nil
	}
	return status
}

// backupCondition says how the newest backup is. Since is when one began that runs; nil: none does.
func backupCondition(status v1.BackupStatus, problem *step.Problem, began *metav1.Time) *metav1.Condition {
	const kind = v1.ConditionBackupHealthy
	good, failed := status.LastSuccessTime, status.LastFailureTime
	since := "There is no good one"
	if good != nil {
		since = "The last good one is of " + good.UTC().Format(time.RFC3339)
	}
	var reported metav1.Condition
	switch {
	case problem != nil:
		reported = step.Condition(kind, metav1.ConditionFalse, backupReason(problem), fmt.Sprintf("a backup does not go on: %s. %s", problem.Message, since))
	case failed != nil && (good == nil || !failed.Before(good)):
		reported = step.Condition(kind, metav1.ConditionFalse, v1.ReasonBackupFailed, fmt.Sprintf("the last backup failed: %s. %s", status.LastFailureMessage, since))
	case good != nil:
		reported = step.Condition(kind, metav1.ConditionTrue, v1.ReasonBackupSucceeded, "the last backup succeeded: "+dumpWords(status))
	case began != nil:
		reported = step.Condition(kind, metav1.ConditionUnknown, v1.ReasonBackupRunning, "the first backup is under way")
	default:
		reported = step.Condition(kind, metav1.ConditionUnknown, v1.ReasonNoBackup, "there has been no backup yet")
	}
	if began != nil {
		reported.Message = step.Shortened(fmt.Sprintf("%s (one is under way since %s)", reported.Message, began.UTC().Format(time.RFC3339)), step.MaxMessage)
	}
	return &reported
}

// backupReason is the reason of a problem with a backup's pod.
func backupReason(problem *step.Problem) string {
	if problem.Reason == v1.ReasonServerFailed {
		return v1.ReasonBackupFailed
	}
	return problem.Reason
}

func dumpWords(status v1.BackupStatus) string {
	if status.LastSuccessName == "" {
		return "its pod was deleted, and with it the name of the dump"
	}
	words := fmt.Sprintf("%s, %d bytes", status.LastSuccessName, status.LastSuccessBytes)
	if at := status.LastSuccessRestoredTime; at != nil {
		words += ", restored into a scratch server at " + at.UTC().Format(time.RFC3339)
	}
	return words
}

// lostDumps says what happened to the volume claim of the dumps, or nothing.
func lostDumps(db *v1.Database, known string, claim *corev1.PersistentVolumeClaim) string {
	switch {
	case known == "":
		return ""
	case dumpsLost(known, claim):
		return fmt.Sprintf("volume claim %s was deleted, and all dumps with it: there is no good backup", step.BackupClaimName(db))
	case claim.DeletionTimestamp != nil:
		return fmt.Sprintf("volume claim %s is being deleted, and all dumps with it", claim.Name)
	case claim.Status.Phase == corev1.ClaimLost:
		return fmt.Sprintf("the volume %s of volume claim %s is not there any more, nor are the dumps", claim.Spec.VolumeName, claim.Name)
	}
	return ""
}

// backupEvents report the newest success and the newest failure, once each.
func backupEvents(before, after v1.BackupStatus) []step.Event {
	var events []step.Event
	if before.LastSuccessTime != nil && after.LastSuccessTime == nil {
		events = append(events, step.Warning(v1.ReasonBackupsLost, "Backup", "The volume claim of the dumps was deleted, and all dumps with it"))
	} else if !after.LastSuccessTime.Equal(before.LastSuccessTime) {
		events = append(events, step.Normal(v1.ReasonBackupSucceeded, "Backup", "Backed up: "+dumpWords(after)))
	}
	if !after.LastFailureTime.Equal(before.LastFailureTime) {
		events = append(events, step.Warning(v1.ReasonBackupFailed, "Backup", "The backup failed: "+after.LastFailureMessage))
	}
	return events
}

// Into puts the report into a Database's status.
func (d *Decision) Into(status *v1.DatabaseStatus, generation int64) {
	status.Backup = d.Status
	if d.Condition == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1.ConditionBackupHealthy)
		return
	}
	d.Condition.ObservedGeneration = generation
	meta.SetStatusCondition(&status.Conditions, *d.Condition)
}
