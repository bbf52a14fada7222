package at

import (
	"fmt"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// checkStart notes a Job that must not be let run: a second one, one of a
// deleted At, one before its time, or against the At's word. What counts for
// the latter is at, as the operator last got it, and since, its clock when it decided.
func (m *model) checkStart(job *batchv1.Job, at *cnatv1.At, since time.Time) {
	owner := job.OwnerReferences[0]
	if first, ok := m.started[owner.UID]; ok {
		m.violated("a second Job %s of %s runs, after %s", job.UID, owner.UID, first)
	}
	m.started[owner.UID] = job.UID
	if stored := apimodel.Get[*cnatv1.At](m.Objects, key(kindAt, owner.Name)); stored == nil || stored.UID != owner.UID {
		m.violated("a Job of %s runs, which is deleted", owner.UID)
	}
	if at == nil || at.UID != owner.UID {
		m.violated("a Job of %s runs, which the operator did not read", owner.UID)
		return
	}
	if early := at.DueTime().Sub(since); early > 0 {
		m.violated("a Job of %s runs %s before its time", at.UID, early)
	}
	for wrong, is := range map[string]bool{
		"is over":           at.Status.Finished(),
		"has had its run":   at.Status.JobUID != "",
		"has another Job":   at.Status.PreparedJobUID != job.UID,
		"is suspended":      at.Spec.Suspend != nil && *at.Spec.Suspend,
		"is cancelled":      at.Spec.Cancel != nil && *at.Spec.Cancel,
		"is being deleted":  at.DeletionTimestamp != nil,
		"has changed since": job.Annotations[generationAnnotation] != strconv.FormatInt(at.Generation, 10),
	} {
		if is {
			m.violated("a Job of %s runs, which %s", at.UID, wrong)
		}
	}
}

// checkCollect notes a Job that must not be deleted: it runs, and nobody cancelled it.
func (o *operator) checkCollect(job *batchv1.Job) {
	if started(job) && (o.at == nil || !ptr.Deref(o.at.Spec.Cancel, false)) {
		o.model.violated("Job %s is deleted, which has started", job.UID)
	}
}

// checkStop notes a Job that must not be stopped: nobody cancelled it, and it
// has started, or may go on waiting, as the operator could see by live reads
// when it decided.
func (m *model) checkStop(old, next *batchv1.Job, seen look) {
	if ptr.Deref(next.Spec.ActiveDeadlineSeconds, 0) != 1 || ptr.Deref(old.Spec.ActiveDeadlineSeconds, 0) == 1 {
		return
	}
	at := seen.at
	switch {
	case at == nil || at.UID != old.OwnerReferences[0].UID || ptr.Deref(at.Spec.Cancel, false) || at.Status.Finished():
	case at.Spec.PendingDeadlineSeconds == 0 ||
		startedAt(old).Add(seconds(at.Spec.PendingDeadlineSeconds)).After(seen.since):
		m.violated("Job %s is stopped, which may go on waiting", old.UID)
	default:
		if m.showsContainer(old, seen.sawPods) {
			m.violated("Job %s is stopped, which has started", old.UID)
		}
	}
}

// showsContainer reports whether, after the first so many changes, a pod of a Job
// was there whose container had started.
func (m *model) showsContainer(job *batchv1.Job, changes int) bool {
	var pod *corev1.Pod
	for _, revision := range m.History[:changes] {
		if revision.Key == key(kindPod, job.Name+"-pod") {
			pod, _ = revision.Object.(*corev1.Pod)
		}
	}
	return pod != nil && pod.OwnerReferences[0].UID == job.UID && pod.Status.ContainerStatuses[0].State.Waiting == nil
}

// checkEnd notes an At that is reported as over, not run or lost, while its Job is there.
func (o *operator) checkEnd(at *cnatv1.At) {
	if !at.Status.Finished() {
		return
	}
	job := apimodel.Get[*batchv1.Job](o.model.Objects, key(kindJob, jobName(at)))
	if job == nil || !metav1.IsControlledBy(job, at) {
		return
	}
	lost := at.Status.Reason == cnatv1.ReasonJobDeleted && (started(job) || job.UID == recorded(at))
	if started(job) && at.Status.JobUID == "" || lost {
		o.model.violated("%s is called over while Job %s is there: %s", at.UID, job.UID, describe(at))
	}
}

// backwards reports what in a status must not follow on another one.
func backwards(old, next *cnatv1.AtStatus) string {
	rank := map[cnatv1.AtPhase]int{"": 0, cnatv1.AtPending: 1, cnatv1.AtRunning: 2}
	switch {
	case old.Finished() && next.Phase != old.Phase:
		return fmt.Sprintf("phase %s after %s", next.Phase, old.Phase)
	case !next.Finished() && rank[next.Phase] < rank[old.Phase]:
		return fmt.Sprintf("phase %q after %s", next.Phase, old.Phase)
	case old.JobUID != "" && next.JobUID != old.JobUID:
		return fmt.Sprintf("Job %q after %s", next.JobUID, old.JobUID)
	case old.PreparedJobUID != "" && next.PreparedJobUID != "" && next.PreparedJobUID != old.PreparedJobUID:
		return fmt.Sprintf("Job %q prepared after %s", next.PreparedJobUID, old.PreparedJobUID)
	case old.StartTime != nil && !old.StartTime.Equal(next.StartTime):
		return fmt.Sprintf("start time %v after %v", next.StartTime, old.StartTime)
	case old.CompletionTime != nil && !old.CompletionTime.Equal(next.CompletionTime):
		return fmt.Sprintf("completion time %v after %v", next.CompletionTime, old.CompletionTime)
	case old.ExitCode != nil && next.ExitCode == nil:
		return "no exit code any more"
	}
	return ""
}

// lasting reports what is wrong once nothing happens any more.
func (m *model) lasting() {
	for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
		if jobPinned(job) {
			m.violated("Job %s is held for ever", job.UID)
		}
		if !finished(job) && metav1.GetControllerOf(job) != nil {
			m.violated("Job %s never ends", job.UID)
		}
	}
	for _, at := range apimodel.List[*cnatv1.At](m.Objects) {
		ran, lost := m.started[at.UID], at.Status.Reason == cnatv1.ReasonJobDeleted
		switch {
		case lost && !m.deleted[at.UID]:
			m.violated("%s has lost Job %s, which nobody deleted", at.UID, recorded(at))
		case atPinned(at):
			m.violated("%s is held for ever: %s", at.UID, describe(at))
		case ran != at.Status.JobUID && !lost && !m.deleted[at.UID]:
			m.violated("%s has run as Job %q, and records %q", at.UID, ran, at.Status.JobUID)
		case ptr.Deref(at.Spec.Suspend, false) && at.Status.JobUID == "":
		case !at.Status.Finished():
			m.violated("%s never ends: %s", at.UID, describe(at))
		case at.Spec.TTLSecondsAfterFinished != nil:
			m.violated("%s is over, and is kept for ever: %s", at.UID, describe(at))
		}
	}
}

func describe(at *cnatv1.At) string {
	return fmt.Sprintf("phase %s, reason %s %q, Job %q", at.Status.Phase, at.Status.Reason, at.Status.Message, at.Status.JobUID)
}

// recorder counts events: each step of an At has one, once. That it was sent is
// not certain, since the operator may end before.
type recorder struct{ model *model }

// Eventf implements events.EventRecorder.
func (r *recorder) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	at := regarding.(*cnatv1.At)
	step := reason
	switch reason {
	case "Succeeded", "Failed", "Cancelled", "Missed":
		step = "end"
	case "Scheduled", "Started":
	default:
		return // what holds it up may come and go
	}
	step += " of " + string(at.UID)
	r.model.sent[step]++
	if r.model.sent[step] > 1 {
		r.model.violated("a second event for the %s: %s %s", step, reason, fmt.Sprintf(note, args...))
	}
}
