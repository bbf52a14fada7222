package database

import (
	"cmp"
	"encoding/json"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/text"
)

// dump is what the script of the backup leaves as its termination message.
type dump struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Seconds int64  `json:"seconds"`
	// Restored reports whether it was restored into a scratch server, and Time when.
	Restored bool        `json:"restored"`
	Time     metav1.Time `json:"time"`
}

// backupRun is what a Job and its pods report of one backup.
type backupRun struct {
	job string
	// began is when the Job did, and ended is zero while it runs.
	began, ended metav1.Time
	// failed says why it failed. Empty: it did not.
	failed string
	dump   dump
	// problem is why it does not start, or why the last try failed while there is another.
	problem *step.Problem
	recheck time.Duration
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
			// The pod's end may be on its way to the cache: what it reported would be missed.
			if newest == nil || last != nil {
				run.ended, run.dump = condition.LastTransitionTime, dumpOf(last)
			}
		case condition.Type == batchv1.JobFailed:
			run.ended, run.failed = condition.LastTransitionTime, condition.Message
			if last != nil && last.ExitCode != 0 {
				run.failed = terminationMessage(theBackup, last)
			}
			run.failed = step.Shortened(cmp.Or(run.failed, condition.Reason, "the Job says nothing"), step.MaxMessage)
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
				return serverState{problem: step.NewProblem(v1.ReasonBackupFailed, "pod %s: %s", newest.Name, terminationMessage(theBackup, ended))}
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
	return serverState{recheck: explainRecheck, problem: step.NewProblem(v1.ReasonPodMissing, "Job %s can't create its pod: %s", job.Name, explanation)}
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
	var written dump
	if last == nil || json.Unmarshal([]byte(last.Message), &written) != nil || written.Name == "" || written.Bytes < 1 ||
		len(written.Name) > maxDumpName || text.Printable(written.Name) != written.Name {
		return dump{}
	}
	return written
}

// maxDumpName is the longest name that the status takes.
const maxDumpName = 128
