package at

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// decide is the domain: what to do about an At, given the time and everything
// that was read of it. Its table test is the specification.
//
// An At has one run, ever. Its Job is created suspended, its UID is recorded in
// the At's status by compare-and-swap, and only the recorded Job is ever
// started. The record is cleared only once that Job was retracted, which a Job
// that has started can't be, and one that was retracted can't be started. A
// recorded Job that is deleted may have run: no other is created.
func decide(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	status, own := &at.Status, job != nil && metav1.IsControlledBy(job, at)
	// A Job that its queue has evicted is suspended again, and has no mark of the operator's.
	isRun := own && (started(job) || job.UID == status.JobUID)
	switch {
	case at.DeletionTimestamp != nil:
		return deleted(seen)
	case status.Finished():
		return expire(now, seen)
	case recorded(at) != "" && (job == nil || job.UID != recorded(at)):
		return plan{step: stepLost}
	case isRun && status.JobUID != "" && (atPinned(at) || jobPinned(job)):
		return plan{step: stepRelease}
	case isRun:
		return watch(now, seen)
	case seen.refusal != nil && seen.refusal.until.After(now) && (isSuspended(at) || !missed(now, at)):
		return refused(now, seen)
	case job != nil && !own && !missed(now, at):
		return plan{step: stepConflict}
	case job != nil && !own:
		return plan{step: stepMiss}
	default:
		return pending(now, seen)
	}
}

// recorded is the UID of the Job that is the run, or that is prepared for it.
func recorded(at *cnatv1.At) types.UID {
	if at.Status.JobUID != "" {
		return at.Status.JobUID
	}
	return at.Status.PreparedJobUID
}
