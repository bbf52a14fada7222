package at

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	if seen.step == stepNone {
		return next
	}
	next.ObservedGeneration = at.Generation
	if next.Phase == "" {
		next.Phase = cnatv1alpha1.AtPending
	}
	if next.JobUID == "" {
		next.ScheduledTime = at.Spec.Schedule.DeepCopy()
	}

	switch {
	case seen.refused != nil:
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, &stall{cnatv1alpha1.ReasonJobRefused, tail(seen.refused.Error(), maxMessage)})
	case seen.step == stepConflict:
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, &stall{
			cnatv1alpha1.ReasonNameConflict,
			fmt.Sprintf("a Job %q exists that this At does not own: delete that Job, or make the At under another name", seen.job.Name),
		})
	case seen.step == stepWait:
		proceed(&next, seen, cnatv1alpha1.ReasonScheduled, nil)
	case seen.step == stepLost:
		finish(&next, seen, cnatv1alpha1.AtFailed, cnatv1alpha1.ReasonJobDeleted,
			fmt.Sprintf("Job %q was deleted before it finished; an At does not run twice", next.JobName))
	case seen.step == stepObserve:
		observe(&next, seen)
	}
	return next
}

// observe tells of a Job that exists.
func observe(next *cnatv1alpha1.AtStatus, seen observation) {
	next.JobName, next.JobUID = seen.job.Name, seen.job.UID
	if next.StartTime == nil {
		next.StartTime = seen.run.started
	}
	if next.StartTime != nil {
		next.Phase = cnatv1alpha1.AtRunning
	}
	if seen.run.exitCode != nil {
		next.ExitCode = seen.run.exitCode
	}

	complete := jobCondition(seen.job, batchv1.JobComplete)
	failed := jobCondition(seen.job, batchv1.JobFailed)
	switch {
	case complete != nil:
		finish(next, seen, cnatv1alpha1.AtSucceeded, cnatv1alpha1.ReasonSucceeded, seen.run.message)
	case failed != nil && next.ExitCode != nil && *next.ExitCode != 0:
		finish(next, seen, cnatv1alpha1.AtFailed, cnatv1alpha1.ReasonContainerFailed, seen.run.message)
	case failed != nil:
		finish(next, seen, cnatv1alpha1.AtFailed, cnatv1alpha1.ReasonJobFailed, tail(failed.Message, maxMessage))
	default:
		proceed(next, seen, cnatv1alpha1.ReasonRunning, seen.run.stalled)
	}
}

// proceed tells that the At is not over: reason says what it waits for, and
// stalled what a person must mend, if anything.
func proceed(next *cnatv1alpha1.AtStatus, seen observation, reason string, stalled *stall) {
	next.Message = ""
	setCondition(next, seen, cnatv1alpha1.ConditionComplete, false, reason, "")
	setCondition(next, seen, cnatv1alpha1.ConditionFailed, false, reason, "")
	if stalled == nil {
		setCondition(next, seen, cnatv1alpha1.ConditionStalled, false, reason, "")
		return
	}
	next.Message = stalled.message
	setCondition(next, seen, cnatv1alpha1.ConditionStalled, true, stalled.reason, stalled.message)
}

// finish tells that the At is over.
func finish(next *cnatv1alpha1.AtStatus, seen observation, phase cnatv1alpha1.AtPhase, reason, message string) {
	next.Phase = phase
	next.Message = message
	next.CompletionTime = seen.run.ended
	if next.CompletionTime == nil {
		next.CompletionTime = &metav1.Time{Time: seen.now}
	}
	succeeded := phase == cnatv1alpha1.AtSucceeded
	setCondition(next, seen, cnatv1alpha1.ConditionComplete, succeeded, reason, message)
	setCondition(next, seen, cnatv1alpha1.ConditionFailed, !succeeded, reason, message)
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
