package backups

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
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
func runOf(job *batchv1.Job, list []corev1.Pod, explanation string, now time.Time) backupRun {
	run := backupRun{job: job.Name, began: job.CreationTimestamp}
	if job.Status.StartTime != nil {
		run.began = *job.Status.StartTime
	}
	newest := newestPod(job, list)
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
				run.failed = pods.TerminationMessage(pods.Backup, last)
			}
			run.failed = step.Shortened(cmp.Or(run.failed, condition.Reason, "the Job says nothing"), step.MaxMessage)
		}
	}
	if run.ended.IsZero() {
		state := tryState(job, newest, explanation, now)
		run.problem, run.recheck = state.Problem, state.Recheck
	}
	return run
}

// tryState says why the Job's last try, if there is one, does not go on.
func tryState(job *batchv1.Job, newest *corev1.Pod, explanation string, now time.Time) pods.State {
	if newest != nil {
		// It is never started again: the next try is a pod of its own.
		for i := range newest.Status.ContainerStatuses {
			if ended := pods.FailedEnd(&newest.Status.ContainerStatuses[i]); ended != nil {
				return pods.State{Problem: step.NewProblem(v1.ReasonBackupFailed, "pod %s: %s", newest.Name,
					pods.TerminationMessage(pods.Backup, ended))}
			}
		}
		if pods.RunningServer(newest) != nil {
			return pods.State{}
		}
		return pods.StateOf(newest, "", now)
	}
	if explanation == "" {
		return pods.State{Recheck: pods.ExplainRecheck}
	}
	return pods.State{Recheck: pods.ExplainRecheck, Problem: step.NewProblem(v1.ReasonPodMissing,
		"Job %s can't create its pod: %s", job.Name, explanation)}
}

// newestPod is the Job's last try, or nil.
func newestPod(job *batchv1.Job, list []corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for i := range list {
		pod := &list[i]
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

// questionFor decides which events could explain why a Job has no pod.
func questionFor(jobs []batchv1.Job, list []corev1.Pod, now time.Time) pods.Question {
	for i := range jobs {
		job := &jobs[i]
		ended := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
			return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed)
		})
		if !ended && newestPod(job, list) == nil {
			return pods.Ask(job, pods.CreateReasons, job.CreationTimestamp.Time, pods.CreateGrace, now)
		}
	}
	return pods.Question{}
}
