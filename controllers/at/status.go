package at

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// observation is all that a status is computed from, besides the At itself.
type observation struct {
	now     time.Time
	step    step
	job     *batchv1.Job
	run     run
	refused error // the API server's refusal of the Job
}

// nextStatus computes an At's status. What it says of a run never goes back: a
// start time, an exit code or a final phase that was told once stays.
func nextStatus(at *cnatv1alpha1.At, seen observation) cnatv1alpha1.AtStatus {
	next := *at.Status.DeepCopy()
	if seen.step == stepNone || seen.step == stepExpire || next.Finished() {
		return next
	}
	next.ObservedGeneration = at.Generation
	if next.Phase == "" {
		next.Phase = cnatv1alpha1.AtPending
	}
	if next.JobUID == "" {
		due := at.DueTime()
		next.ScheduledTime = &due
	}

	switch seen.step {
	case stepWait, stepLook:
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, nil)
	case stepSuspend:
		proceed(&next, seen, cnatv1alpha1.ReasonSuspended, nil)
	case stepStart: // it did not come to the start
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, &stall{cnatv1alpha1.ReasonJobRefused, tail(seen.refused.Error(), maxMessage)})
	case stepConflict:
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, &stall{
			cnatv1alpha1.ReasonNameConflict,
			fmt.Sprintf("a Job %q exists that this At does not own: delete that Job, or make the At under another name", seen.job.Name),
		})
	case stepCancel:
		finish(&next, seen, cnatv1alpha1.AtCancelled, cnatv1alpha1.ReasonCancelled, "cancelled before it started")
	case stepMiss:
		message := fmt.Sprintf("not started within %d s of %s, so it never will be",
			at.Spec.StartingDeadlineSeconds, next.ScheduledTime.UTC().Format(time.RFC3339))
		if stalled := meta.FindStatusCondition(next.Conditions, cnatv1alpha1.ConditionStalled); stalled != nil && stalled.Message != "" {
			message += ": " + stalled.Message
		}
		finish(&next, seen, cnatv1alpha1.AtMissed, cnatv1alpha1.ReasonStartingDeadlineExceeded, message)
	case stepLost:
		finish(&next, seen, cnatv1alpha1.AtFailed, cnatv1alpha1.ReasonJobDeleted,
			fmt.Sprintf("Job %q was deleted before it finished; an At does not run twice", next.JobName))
	case stepObserve, stepStop:
		observe(&next, at, seen)
	}
	return next
}

// observe tells of a Job that exists.
func observe(next *cnatv1alpha1.AtStatus, at *cnatv1alpha1.At, seen observation) {
	next.JobName, next.JobUID = seen.job.Name, seen.job.UID
	if next.StartLatency == nil {
		next.StartLatency = startLatency(at, seen.job)
	}
	if next.StartTime == nil {
		next.StartTime = seen.run.started
	}
	if next.StartTime != nil {
		next.Phase = cnatv1alpha1.AtRunning
	}
	if seen.run.exitCode != nil {
		next.ExitCode = seen.run.exitCode
	}
	if jobCondition(seen.job, batchv1.JobComplete) != nil {
		finish(next, seen, cnatv1alpha1.AtSucceeded, cnatv1alpha1.ReasonSucceeded, seen.run.message)
		return
	}
	if failed := jobCondition(seen.job, batchv1.JobFailed); failed != nil {
		observeFailure(next, at, seen, failed)
		return
	}
	if seen.step == stepStop && next.StartTime == nil {
		return // what held it up stays told: it becomes the reason why it was stopped
	}
	proceed(next, seen, cnatv1alpha1.ReasonRunning, seen.run.stalled)
}

// observeFailure tells why a Job failed. One that the operator stopped has
// failed by its deadline, since that is how a Job is stopped.
func observeFailure(next *cnatv1alpha1.AtStatus, at *cnatv1alpha1.At, seen observation, failed *batchv1.JobCondition) {
	phase, reason, message := cnatv1alpha1.AtFailed, cnatv1alpha1.ReasonJobFailed, tail(failed.Message, maxMessage)
	switch {
	case failed.Reason != batchv1.JobReasonDeadlineExceeded && ptr.Deref(next.ExitCode, 0) != 0:
		reason, message = cnatv1alpha1.ReasonContainerFailed, seen.run.message
	case failed.Reason != batchv1.JobReasonDeadlineExceeded:
	case ptr.Deref(at.Spec.Cancel, false):
		phase, reason, message = cnatv1alpha1.AtCancelled, cnatv1alpha1.ReasonCancelled, "cancelled while it ran"
	case next.StartTime == nil && at.Spec.PendingDeadlineSeconds > 0:
		reason = cnatv1alpha1.ReasonPendingDeadlineExceeded
		message = fmt.Sprintf("no container started within %d s", at.Spec.PendingDeadlineSeconds)
		if next.Message != "" { // what it waited for, in the kubelet's words
			message += ": " + next.Message
		}
	default:
		reason = cnatv1alpha1.ReasonDeadlineExceeded
	}
	finish(next, seen, phase, reason, message)
}

// startLatency is how late a Job was made. It is nil if the Job does not say
// when that was.
func startLatency(at *cnatv1alpha1.At, job *batchv1.Job) *metav1.Duration {
	made, err := time.Parse(time.RFC3339Nano, job.Annotations[startedAtAnnotation])
	if err != nil {
		return nil
	}
	return &metav1.Duration{Duration: lateness(at, made)}
}

// lateness is how long a moment is after the time that the At was due, or after
// the At was there if that was later.
func lateness(at *cnatv1alpha1.At, moment time.Time) time.Duration {
	due := at.DueTime()
	if due.Before(&at.CreationTimestamp) {
		due = at.CreationTimestamp
	}
	return max(0, moment.Sub(due.Time))
}

// proceed tells that the At is not over: reason says what it waits for, and
// stalled what a person must mend, if anything.
func proceed(next *cnatv1alpha1.AtStatus, seen observation, reason string, stalled *stall) {
	suspended := reason == cnatv1alpha1.ReasonSuspended
	next.Reason, next.Message = "", ""
	if suspended {
		next.Reason = reason
	}
	setCondition(next, seen, cnatv1alpha1.ConditionComplete, false, reason, "")
	setCondition(next, seen, cnatv1alpha1.ConditionFailed, false, reason, "")
	setCondition(next, seen, cnatv1alpha1.ConditionSuspended, suspended, reason, "")
	if stalled == nil {
		setCondition(next, seen, cnatv1alpha1.ConditionStalled, false, reason, "")
		return
	}
	next.Reason, next.Message = stalled.reason, stalled.message
	setCondition(next, seen, cnatv1alpha1.ConditionStalled, true, stalled.reason, stalled.message)
}

// finish tells that the At is over.
func finish(next *cnatv1alpha1.AtStatus, seen observation, phase cnatv1alpha1.AtPhase, reason, message string) {
	next.Phase, next.Reason, next.Message = phase, reason, tail(message, maxMessage)
	next.CompletionTime = seen.run.ended
	if next.CompletionTime == nil {
		next.CompletionTime = &metav1.Time{Time: seen.now}
	}
	succeeded := phase == cnatv1alpha1.AtSucceeded
	setCondition(next, seen, cnatv1alpha1.ConditionComplete, succeeded, reason, next.Message)
	setCondition(next, seen, cnatv1alpha1.ConditionFailed, !succeeded, reason, next.Message)
	setCondition(next, seen, cnatv1alpha1.ConditionSuspended, false, reason, "")
	setCondition(next, seen, cnatv1alpha1.ConditionStalled, false, reason, "")
}

func setCondition(next *cnatv1alpha1.AtStatus, seen observation, conditionType string, holds bool, reason, message string) {
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

// finished tells whether a Job is over.
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
