package database

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/text"
)

// backups is what a pass found out about backups.
type backups struct {
	status v1.BackupStatus
	// condition is BackupHealthy; nil: there is nothing to say.
	condition *metav1.Condition
	events    []event
	recheck   time.Duration
}

// dump is what the script of the backup leaves as its termination message.
type dump struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Seconds int64  `json:"seconds"`
	// Restored tells whether it was restored into a scratch server, and Time when.
	Restored bool        `json:"restored"`
	Time     metav1.Time `json:"time"`
}

// backupRun is what a Job and its pods tell of one backup.
type backupRun struct {
	job string
	// began is when the Job did, and ended is zero while it runs.
	began, ended metav1.Time
	// failed says why it failed. Empty: it did not.
	failed string
	dump   dump
	// problem is why it does not start, or why the last try failed while there is another.
	problem *problem
	recheck time.Duration
}

// backupsFor computes what to tell of the backups from the Jobs and pods that are there. The status remembers what those
// that are gone told.
func backupsFor(
	db *v1.Database, jobs []batchv1.Job, pods []corev1.Pod, claim *corev1.PersistentVolumeClaim, explanation string, now time.Time,
) *backups {
	var runs []backupRun
	for i := range jobs {
		runs = append(runs, runOf(&jobs[i], pods, explanation, now))
	}
	slices.SortFunc(runs, func(a, b backupRun) int {
		return cmp.Or(a.ended.Compare(b.ended.Time), cmp.Compare(a.job, b.job))
	})
	before := db.Status.Backup
	seen := &backups{status: withoutLostDumps(before, claim)}
	var problem *problem
	var since *metav1.Time
	for _, run := range runs {
		switch {
		case run.ended.IsZero():
			since = &run.began
			problem, seen.recheck = run.problem, sooner(seen.recheck, run.recheck)
		case run.failed == "":
			seen.succeeded(run, claim)
		case before.LastFailureTime == nil || before.LastFailureTime.Before(&run.ended):
			seen.status.LastFailureTime, seen.status.LastFailureMessage = &run.ended, run.failed
		}
	}
	seen.condition = backupCondition(seen.status, problem, since)
	if lost := lostDumps(db, seen.status.Storage.ClaimUID, claim); lost != "" {
		*seen.condition = condition(v1.ConditionBackupHealthy, metav1.ConditionFalse, v1.ReasonBackupsLost, lost)
	}
	seen.events = backupEvents(before, seen.status)
	return seen
}

// succeeded notes a good backup that is not older than the newest. It may be that one again, whose pod is gone by now:
// what the pod told stays.
func (b *backups) succeeded(run backupRun, claim *corev1.PersistentVolumeClaim) {
	if dumpsLost(b.status.Storage.ClaimUID, claim) && (claim == nil || run.ended.Before(&claim.CreationTimestamp)) {
		return // Its dump was on the claim that was deleted.
	}
	last := b.status.LastSuccessTime
	if last != nil && run.ended.Before(last) || last != nil && run.ended.Equal(last) && run.dump.Name == "" {
		return
	}
	b.status.LastSuccessTime = &run.ended
	b.status.LastSuccessName, b.status.LastSuccessBytes = run.dump.Name, run.dump.Bytes
	b.status.LastSuccessRestoredTime = nil
	if run.dump.Restored && !run.dump.Time.IsZero() {
		b.status.LastSuccessRestoredTime = &run.dump.Time
	}
	if claim != nil {
		b.status.Storage.ClaimUID = string(claim.UID)
	}
}

// dumpsLost tells whether the claim that held the newest good dump is not there any more.
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
	status.Storage = claimStatus(claim, known)
	if dumpsLost(known, claim) {
		status.LastSuccessTime, status.LastSuccessName, status.LastSuccessBytes = nil, "", 0
		status.LastSuccessRestoredTime = nil
	}
	return status
}

// runOf reads one Job with its pods.
func runOf(job *batchv1.Job, pods []corev1.Pod, explanation string, now time.Time) backupRun {
	run := backupRun{job: job.Name, began: job.CreationTimestamp}
	if job.Status.StartTime != nil {
		run.began = *job.Status.StartTime
	}
	newest := newestPod(job, pods)
	var last *corev1.ContainerStateTerminated
	if newest != nil {
		for i := range newest.Status.ContainerStatuses {
			last = newest.Status.ContainerStatuses[i].State.Terminated
		}
	}
	for _, condition := range job.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == batchv1.JobComplete:
			// The pod's end may be on its way to the cache: what it told would be missed.
			if newest == nil || last != nil {
				run.ended, run.dump = condition.LastTransitionTime, dumpOf(last)
			}
		case condition.Type == batchv1.JobFailed:
			run.ended, run.failed = condition.LastTransitionTime, condition.Message
			if last != nil && last.ExitCode != 0 {
				run.failed = terminationMessage(theBackup, last)
			}
			run.failed = shortened(cmp.Or(run.failed, condition.Reason, "the Job says nothing"), maxMessage)
		}
	}
	if run.ended.IsZero() {
		state := tryState(job, newest, explanation, now)
		run.problem, run.recheck = state.problem, state.recheck
	}
	return run
}

// tryState says why the Job's last try, if there is one, does not go on.
func tryState(job *batchv1.Job, newest *corev1.Pod, explanation string, now time.Time) serverState {
	if newest != nil {
		// It is never started again: the next try is a pod of its own.
		for i := range newest.Status.ContainerStatuses {
			if ended := failedEnd(&newest.Status.ContainerStatuses[i]); ended != nil {
				return serverState{problem: newProblem(v1.ReasonBackupFailed, "pod %s: %s", newest.Name, terminationMessage(theBackup, ended))}
			}
		}
		if runningServer(newest) != nil {
			return serverState{}
		}
		return podState(newest, "", now)
	}
	if explanation == "" {
		return serverState{recheck: explainRecheck}
	}
	return serverState{recheck: explainRecheck, problem: newProblem(v1.ReasonPodMissing, "Job %s can't create its pod: %s", job.Name, explanation)}
}

// newestPod is the Job's last try, or nil.
func newestPod(job *batchv1.Job, pods []corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for i := range pods {
		pod := &pods[i]
		if metav1.IsControlledBy(pod, job) && (newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp)) {
			newest = pod
		}
	}
	return newest
}

// dumpOf reads the termination message of a backup that succeeded. A user's own image may say something else.
func dumpOf(last *corev1.ContainerStateTerminated) dump {
	var told dump
	if last == nil || json.Unmarshal([]byte(last.Message), &told) != nil || told.Name == "" || told.Bytes < 1 ||
		len(told.Name) > maxDumpName || text.Printable(told.Name) != told.Name {
		return dump{}
	}
	return told
}

// maxDumpName is the longest name that the status takes.
const maxDumpName = 128

// backupCondition tells how the newest backup is. Since is when one began that runs; nil: none does.
func backupCondition(status v1.BackupStatus, problem *problem, began *metav1.Time) *metav1.Condition {
	const kind = v1.ConditionBackupHealthy
	good, failed := status.LastSuccessTime, status.LastFailureTime
	since := "There is no good one"
	if good != nil {
		since = "The last good one is of " + good.UTC().Format(time.RFC3339)
	}
	var told metav1.Condition
	switch {
	case problem != nil:
		told = condition(kind, metav1.ConditionFalse, backupReason(problem), fmt.Sprintf("a backup does not go on: %s. %s", problem.message, since))
	case failed != nil && (good == nil || !failed.Before(good)):
		told = condition(kind, metav1.ConditionFalse, v1.ReasonBackupFailed, fmt.Sprintf("the last backup failed: %s. %s", status.LastFailureMessage, since))
	case good != nil:
		told = condition(kind, metav1.ConditionTrue, v1.ReasonBackupSucceeded, "the last backup succeeded: "+dumpWords(status))
	case began != nil:
		told = condition(kind, metav1.ConditionUnknown, v1.ReasonBackupRunning, "the first backup is under way")
	default:
		told = condition(kind, metav1.ConditionUnknown, v1.ReasonNoBackup, "there has been no backup yet")
	}
	if began != nil {
		told.Message = shortened(fmt.Sprintf("%s (one is under way since %s)", told.Message, began.UTC().Format(time.RFC3339)), maxMessage)
	}
	return &told
}

// backupReason is the reason of a problem with a backup's pod.
func backupReason(problem *problem) string {
	if problem.reason == v1.ReasonServerFailed {
		return v1.ReasonBackupFailed
	}
	return problem.reason
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
		return fmt.Sprintf("volume claim %s was deleted, and all dumps with it: there is no good backup", backupClaimName(db))
	case claim.DeletionTimestamp != nil:
		return fmt.Sprintf("volume claim %s is being deleted, and all dumps with it", claim.Name)
	case claim.Status.Phase == corev1.ClaimLost:
		return fmt.Sprintf("the volume %s of volume claim %s is not there any more, nor are the dumps", claim.Spec.VolumeName, claim.Name)
	}
	return ""
}

// backupEvents tell of the newest success and the newest failure, once each.
func backupEvents(before, after v1.BackupStatus) []event {
	var events []event
	if before.LastSuccessTime != nil && after.LastSuccessTime == nil {
		events = append(events, warning(v1.ReasonBackupsLost, "Backup", "The volume claim of the dumps was deleted, and all dumps with it"))
	} else if !after.LastSuccessTime.Equal(before.LastSuccessTime) {
		events = append(events, normal(v1.ReasonBackupSucceeded, "Backup", "Backed up: "+dumpWords(after)))
	}
	if !after.LastFailureTime.Equal(before.LastFailureTime) {
		events = append(events, warning(v1.ReasonBackupFailed, "Backup", "The backup failed: "+after.LastFailureMessage))
	}
	return events
}

// into puts the report into a Database's status.
func (b *backups) into(status *v1.DatabaseStatus, generation int64) {
	status.Backup = b.status
	if b.condition == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1.ConditionBackupHealthy)
		return
	}
	b.condition.ObservedGeneration = generation
	meta.SetStatusCondition(&status.Conditions, *b.condition)
}
