package at

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/text"
)

// observation is all that a status is computed from, besides the At itself.
type observation struct {
	now     time.Time
	step    step
	job     *batchv1.Job
	run     run
	refusal *refusal // of the Job
	queue   string   // who starts the Job in the operator's place; empty: nobody
}

// nextStatus computes an At's status. What it reports of a run never goes back: a
// start time or a final phase that was reported once stays.
func nextStatus(at *cnatv1.At, seen observation) cnatv1.AtStatus {
	next := *at.Status.DeepCopy()
	if next.Finished() {
		follow(&next, at.Generation)
		return next
	}
	if !reports(seen.step) {
		return next
	}
	next.EligibleTime = eligible(at, seen)
	next.ObservedGeneration = at.Generation
	if next.Phase == "" {
		next.Phase = cnatv1.AtPending
	}
	if next.JobUID == "" {
		due := at.DueTime()
		next.ScheduledTime, next.Queue = &due, seen.queue
	}

	switch seen.step {
	case stepWait, stepReady:
		proceed(&next, seen, cnatv1.ReasonScheduled, nil)
	case stepRecord:
		next.PreparedJobUID = seen.job.UID
		proceed(&next, seen, cnatv1.ReasonScheduled, nil)
	case stepForget:
		next.PreparedJobUID = ""
	case stepSuspend:
		proceed(&next, seen, cnatv1.ReasonSuspended, nil)
	case stepQueued:
		proceed(&next, seen, cnatv1.ReasonSuspended, nil)
		next.Message = fmt.Sprintf("Job %s is queued: %s starts it", seen.job.Name, seen.queue)
	case stepRefused:
		waits := cnatv1.ReasonScheduled
		if isSuspended(at) {
			waits = cnatv1.ReasonSuspended
		}
		proceed(&next, seen, waits, &stall{seen.refusal.reason, seen.refusal.message})
	case stepCancel:
		finish(&next, seen, cnatv1.AtCancelled, cnatv1.ReasonCancelled, "cancelled before it started")
	case stepMiss:
		message := fmt.Sprintf("not started within startingDeadlineSeconds (%d s) of %s, so it never will be",
			at.Spec.StartingDeadlineSeconds, next.ScheduledTime.UTC().Format(time.RFC3339))
		if isTrue(&next, cnatv1.ConditionStalled) {
			message = sentences(message, next.Message)
		}
		finish(&next, seen, cnatv1.AtMissed, cnatv1.ReasonStartingDeadlineExceeded, message)
	case stepLost:
		if next.JobName == "" { // it was not seen to start, and may have
			next.JobName, next.JobUID = jobName(at), recorded(at)
		}
		lose(&next, at, seen)
	case stepObserve, stepStop:
		observe(&next, at, seen)
	}
	return next
}

// follow notes that a generation of the spec was seen which changes nothing in
// what is reported: `kubectl wait` believes no condition of an older one.
func follow(status *cnatv1.AtStatus, generation int64) {
	status.ObservedGeneration = generation
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = generation
	}
}

// proceed reports that the At is not over: reason is what it waits for, and
// stalled what requires user action, if anything.
//
// By Reconciling kstatus distinguishes a run in progress from one that waits for its time.
func proceed(next *cnatv1.AtStatus, seen observation, reason string, stalled *stall) {
	if stalled == nil && (next.JobUID != "" || seen.step == stepQueued) {
		setCondition(next, seen, cnatv1.ConditionReconciling, true, reason, "")
	} else {
		meta.RemoveStatusCondition(&next.Conditions, cnatv1.ConditionReconciling)
	}
	suspended := reason == cnatv1.ReasonSuspended || reason == cnatv1.ReasonSchedulingGated
	next.Reason, next.Message = "", ""
	if suspended {
		next.Reason = reason
	}
	setCondition(next, seen, cnatv1.ConditionComplete, false, reason, "")
	setCondition(next, seen, cnatv1.ConditionFailed, false, reason, "")
	setCondition(next, seen, cnatv1.ConditionSuspended, suspended, reason, "")
	if stalled == nil {
		setCondition(next, seen, cnatv1.ConditionStalled, false, reason, "")
		return
	}
	next.Reason, next.Message = stalled.reason, text.Bounded(stalled.message, maxMessage)
	setCondition(next, seen, cnatv1.ConditionStalled, true, next.Reason, next.Message)
}

// finish reports that the At is over. A run that failed or was missed stays Stalled: it is not tried again. One that was
// cancelled has ended as its user wished.
func finish(next *cnatv1.AtStatus, seen observation, phase cnatv1.AtPhase, reason, message string) {
	next.PreparedJobUID = ""
	message = strings.ReplaceAll(message, hintOfRefusedPod, "")
	next.Phase, next.Reason, next.Message = phase, reason, text.Bounded(message, maxMessage)
	next.CompletionTime = seen.run.ended
	if next.CompletionTime == nil {
		next.CompletionTime = &metav1.Time{Time: seen.now}
	}
	succeeded := phase == cnatv1.AtSucceeded
	setCondition(next, seen, cnatv1.ConditionComplete, succeeded, reason, next.Message)
	setCondition(next, seen, cnatv1.ConditionFailed, !succeeded, reason, next.Message)
	setCondition(next, seen, cnatv1.ConditionSuspended, false, reason, "")
	meta.RemoveStatusCondition(&next.Conditions, cnatv1.ConditionReconciling)
	if phase == cnatv1.AtFailed || phase == cnatv1.AtMissed {
		setCondition(next, seen, cnatv1.ConditionStalled, true, reason, next.Message)
	} else {
		setCondition(next, seen, cnatv1.ConditionStalled, false, reason, "")
	}
}

func setCondition(next *cnatv1.AtStatus, seen observation, conditionType string, holds bool, reason, message string) {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&next.Conditions, metav1.Condition{
		Type:               conditionType,
		Status:             status,
		ObservedGeneration: next.ObservedGeneration,
		LastTransitionTime: metav1.Time{Time: seen.now},
		Reason:             reason,
		Message:            message,
	})
}

// finished reports whether a Job is over.
func finished(job *batchv1.Job) bool {
	return jobCondition(job, batchv1.JobComplete) != nil || jobCondition(job, batchv1.JobFailed) != nil
}

// jobCondition is the Job's condition of that type if it holds, else nil.
func jobCondition(job *batchv1.Job, conditionType batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		c := &job.Status.Conditions[i]
		if c.Type == conditionType && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}
