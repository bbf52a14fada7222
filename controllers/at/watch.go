package at

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// watch decides about an At whose Job has started.
func watch(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	switch {
	case finished(job) || job.DeletionTimestamp != nil:
		return plan{step: stepObserve}
	case ptr.Deref(at.Spec.Cancel, false):
		if ptr.Deref(job.Spec.Suspend, false) && at.Status.JobUID != "" {
			return plan{step: stepCollect} // its deadline does not run; it has no pods
		}
		return plan{step: stepStop}
	case ptr.Deref(job.Spec.Suspend, false):
		return watchSuspended(now, seen)
	case at.Status.StartTime != nil || seen.run.started != nil || at.Spec.PendingDeadlineSeconds == 0:
		return plan{step: stepObserve}
	}
	left := startedAt(job).Add(seconds(at.Spec.PendingDeadlineSeconds)).Sub(now)
	if left <= 0 {
		return plan{step: stepStop}
	}
	return plan{step: stepObserve, wait: min(left, maxSleep)}
}

// watchSuspended decides about an At whose Job was started, and is suspended: Kubernetes counts no deadline then.
func watchSuspended(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	bound := deadlineOf(at, at.Status.StartTime == nil && seen.run.started == nil)
	if bound.after == 0 || queued(job) || at.Status.JobUID == "" {
		return plan{step: stepObserve}
	}
	left := startedAt(job).Add(bound.after).Sub(now)
	if left <= 0 {
		return plan{step: stepCollect} // it has no pods, and may be resumed only as another version
	}
	return plan{step: stepObserve, wait: min(left, maxSleep)}
}

// deadline is the one of a run that passes first, since its Job was started.
type deadline struct {
	after           time.Duration // zero: there is none
	reason, message string
}

func deadlineOf(at *cnatv1.At, waits bool) deadline {
	pending, active := at.Spec.PendingDeadlineSeconds, at.Spec.ActiveDeadlineSeconds
	switch {
	case waits && pending > 0 && (active == 0 || pending <= active):
		return deadline{
			seconds(pending), cnatv1.ReasonPendingDeadlineExceeded,
			noContainerWithin("pendingDeadlineSeconds", pending),
		}
	case waits:
		return deadline{
			seconds(active), cnatv1.ReasonDeadlineExceeded,
			noContainerWithin("activeDeadlineSeconds", active),
		}
	default:
		return deadline{
			seconds(active), cnatv1.ReasonDeadlineExceeded,
			ranLongerThan(active),
		}
	}
}

func noContainerWithin(field string, seconds int64) string {
	return fmt.Sprintf("no container started within %s (%d s)", field, seconds)
}

func ranLongerThan(seconds int64) string {
	return fmt.Sprintf("ran longer than activeDeadlineSeconds (%d s)", seconds)
}
