package at

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/text"
)

// observe reports on a Job that exists.
func observe(next *cnatv1.AtStatus, at *cnatv1.At, seen observation) {
	next.JobName, next.JobUID, next.PreparedJobUID = seen.job.Name, seen.job.UID, ""
	if next.StartLatency == nil {
		next.StartLatency = startLatency(at, next, seen.job)
	}
	attempts := seen.job.Status.Failed + seen.job.Status.Active + seen.job.Status.Succeeded
	if retries := attempts - ptr.Deref(seen.job.Spec.Completions, 1); retries > ptr.Deref(next.Retries, 0) {
		next.Retries = ptr.To(retries)
	}
	observeContainersOf(next, seen)
	if jobCondition(seen.job, batchv1.JobComplete) != nil {
		next.ExitCode = ptr.To[int32](0)
		finish(next, seen, cnatv1.AtSucceeded, cnatv1.ReasonSucceeded, seen.run.message)
		return
	}
	if failed := jobCondition(seen.job, batchv1.JobFailed); failed != nil {
		observeFailure(next, at, seen, failed)
		return
	}
	ending := seen.step == stepStop || jobCondition(seen.job, batchv1.JobFailureTarget) != nil
	if ending && len(next.Conditions) > 0 {
		return // what was reported stays: it is why the run ends, unlike how its containers end now
	}
	observeProgress(next, seen)
}

// observeContainersOf notes what is known of the containers of the newest
// attempt. What was known before stays, where there was no other attempt: the
// pod may be deleted, or what was read of it may be older.
func observeContainersOf(next *cnatv1.AtStatus, seen observation) {
	if next.StartTime == nil {
		next.StartTime = seen.run.started
	}
	if next.StartTime != nil {
		next.Phase = cnatv1.AtRunning
	}
	if seen.run.exitCode != nil || seen.run.pod != "" && ptr.Deref(next.Retries, 0) > 0 {
		next.ExitCode = seen.run.exitCode
	}
	if next.StartTime == nil {
		next.ExitCode = nil // nothing ran that could have one
	}
}

// observeProgress reports on a Job that is not over.
func observeProgress(next *cnatv1.AtStatus, seen observation) {
	failed := seen.run.failure
	// Where the operator itself starts the Job, a suspended one that was never started is how the Job was before the run.
	older := !started(seen.job) && queueOf(seen.job) == ""
	switch {
	case ptr.Deref(seen.job.Spec.Suspend, false) && !older:
		proceed(next, seen, cnatv1.ReasonSuspended, nil)
		next.Message = "its Job is suspended; once resumed, it runs"
		if next.StartTime != nil {
			next.Message, next.ExitCode = "its Job is suspended; once resumed, its containers run again", nil
		}
	case seen.run.gated != "":
		proceed(next, seen, cnatv1.ReasonSchedulingGated, nil)
		next.Message = text.Bounded(seen.run.gated, maxMessage)
	case seen.run.stalled != nil:
		proceed(next, seen, cnatv1.ReasonRunning, seen.run.stalled)
	case failed != nil && !seen.run.over: // it fails when the other containers end
		note(next, seen, failed)
	case failed != nil && ptr.Deref(next.Retries, 0) < ptr.Deref(seen.job.Spec.BackoffLimit, 0):
		next.ExitCode = nil // of an attempt that is not the last
		note(next, seen, &stall{cnatv1.ReasonRetrying, sentences("it is tried again", failed.message)})
	case failed != nil: // its Job is about to fail, and its pod may be deleted before that is seen
		note(next, seen, failed)
	default:
		note(next, seen, seen.run.trouble)
	}
}

// note reports on a run that goes on, and what is wrong in it, if anything.
func note(next *cnatv1.AtStatus, seen observation, wrong *stall) {
	proceed(next, seen, cnatv1.ReasonRunning, nil)
	if wrong != nil {
		next.Reason, next.Message = wrong.reason, text.Bounded(wrong.message, maxMessage)
	}
}

// observeFailure reports why a Job failed: what its pods say, or what was
// reported last where they are deleted.
func observeFailure(next *cnatv1.AtStatus, at *cnatv1.At, seen observation, failed *batchv1.JobCondition) {
	if failed.Reason == batchv1.JobReasonDeadlineExceeded {
		observeDeadline(next, at, seen)
		return
	}
	reason, message := cnatv1.ReasonJobFailed, failed.Message
	switch {
	case seen.run.failure != nil:
		reason, message = seen.run.failure.reason, seen.run.failure.message
	case next.Reason != "" && next.Reason != cnatv1.ReasonRetrying &&
		!isTrue(next, cnatv1.ConditionStalled) && !isTrue(next, cnatv1.ConditionSuspended):
		reason, message = next.Reason, next.Message
	case seen.run.pod == "":
		message = sentences(message, "its pod was deleted", next.Message)
	}
	finish(next, seen, cnatv1.AtFailed, reason, message)
}

// observeDeadline reports which deadline ended a Job, and what it waited for, or
// which container had failed. The operator stops a Job by giving it a deadline
// of 1 s.
func observeDeadline(next *cnatv1.AtStatus, at *cnatv1.At, seen observation) {
	deadline := ptr.Deref(seen.job.Spec.ActiveDeadlineSeconds, 0)
	stopped := deadline == 1 && at.Spec.ActiveDeadlineSeconds != 1
	waited := next.StartTime == nil
	phase, reason, message := cnatv1.AtFailed, cnatv1.ReasonDeadlineExceeded, ""
	switch {
	case stopped && ptr.Deref(at.Spec.Cancel, false):
		phase, reason = cnatv1.AtCancelled, cnatv1.ReasonCancelled
		switch {
		case seen.run.unknown:
			message = "cancelled; whether a container started is not known"
		case waited:
			message = "cancelled before a container started"
		default:
			message = "cancelled while it ran"
		}
	case stopped && at.Spec.PendingDeadlineSeconds > 0:
		reason = cnatv1.ReasonPendingDeadlineExceeded
		message = noContainerWithin("pendingDeadlineSeconds", at.Spec.PendingDeadlineSeconds)
		if !waited {
			message = fmt.Sprintf("stopped after pendingDeadlineSeconds (%d s), while a container started", at.Spec.PendingDeadlineSeconds)
		}
	case waited && !seen.run.unknown:
		message = noContainerWithin("activeDeadlineSeconds", deadline)
	default:
		message = ranLongerThan(deadline)
	}
	detail := next.Message
	if seen.run.failure != nil && (!waited || seen.run.unknown) {
		detail = seen.run.failure.message
	}
	finish(next, seen, phase, reason, sentences(message, detail))
}

// lose reports that the Job was deleted before the operator saw its end, and
// what is known of the run. Deleted with --cascade=orphan, it leaves its pod.
// One that is cancelled, or whose deadline passes, while its Job is suspended, the operator deletes.
func lose(next *cnatv1.AtStatus, at *cnatv1.At, seen observation) {
	suspended := next.Reason == cnatv1.ReasonSuspended
	observeContainersOf(next, seen)
	var known string
	switch {
	case seen.run.pod != "" && !seen.run.over:
		known = fmt.Sprintf("its pod %s was left behind, and may run on: delete it to end it", seen.run.pod)
	case seen.run.failure != nil:
		known = seen.run.failure.message
	case seen.run.pod != "":
		known = "its pod had succeeded"
	case next.StartTime != nil && suspended:
		known = "it had started"
	case next.StartTime != nil:
		known = "it had started, and may have run to its end"
	default:
		known = "no container was seen to start"
	}
	bound := deadlineOf(at, next.StartTime == nil)
	overdue := bound.after > 0 && next.StartLatency != nil &&
		!seen.now.Before(freeTime(at, next).Add(next.StartLatency.Duration+bound.after))
	deleted := fmt.Sprintf("Job %q was deleted before its end was seen", next.JobName)
	switch cancelled := ptr.Deref(at.Spec.Cancel, false); {
	case cancelled && suspended:
		finish(next, seen, cnatv1.AtCancelled, cnatv1.ReasonCancelled, "cancelled while its Job was suspended: "+known)
	case suspended && overdue:
		finish(next, seen, cnatv1.AtFailed, bound.reason, bound.message+", in which its Job was suspended")
	case cancelled:
		finish(next, seen, cnatv1.AtCancelled, cnatv1.ReasonCancelled, "cancelled; "+deleted+": "+known)
	default:
		finish(next, seen, cnatv1.AtFailed, cnatv1.ReasonJobDeleted,
			deleted+", and an At does not run twice: "+known)
	}
}
