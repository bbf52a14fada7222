package at

import (
	"hash/fnv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const (
	// maxSleep bounds how long an At is left alone before its time. It is far from
	// what a timer can hold, for schedules in the year 9999. That the wall clock is
	// stepped in the meantime is for clockwatch to notice.
	maxSleep = time.Hour

	// minLead is how long before an At is due its Job is created at the latest.
	minLead = 500 * time.Millisecond
	// leadSpread is over how long before that the Jobs of few Ats are spread, and
	// leadEach by how much that grows with each At that is due in the same second.
	leadSpread = 2 * time.Second
	leadEach   = 25 * time.Millisecond
	// maxLead bounds it all: no Job is created earlier.
	maxLead = 30 * time.Second

	// fresh is for how long a suspended At with a controller is left alone: its controller is about to let it run.
	fresh = 5 * time.Second
)

func isSuspended(at *cnatv1.At) bool { return ptr.Deref(at.Spec.Suspend, false) }

// missed reports whether it is too late to start.
func missed(now time.Time, at *cnatv1.At) bool {
	limit := at.Spec.StartingDeadlineSeconds
	return limit > 0 && now.Sub(at.DueTime().Time) > seconds(limit)
}

// pending decides about an At whose Job does not exist, or never started.
func pending(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	left, lead := at.DueTime().Sub(now), seen.lead
	if seen.queue != "" {
		lead = 0 // who starts the Job may do so at once
	}
	prepared := at.Status.PreparedJobUID != ""
	if job != nil {
		generation, live := generationOf(job)
		switch {
		case job.DeletionTimestamp != nil && prepared:
			return plan{step: stepNone} // its end brings the At back here
		case job.DeletionTimestamp != nil:
			return plan{step: stepConflict}
		case !live && prepared:
			return plan{step: stepForget}
		case !live:
			return plan{step: stepCollect}
		case generation != at.Generation, prepared && (missed(now, at) || left > 0 && queued(job)):
			return plan{step: stepRetract}
		}
	}
	switch {
	case ptr.Deref(at.Spec.Cancel, false):
		return plan{step: stepCancel}
	case job == nil && untried(seen) && untouched(now, at) > 0:
		return plan{step: stepNone, wait: untouched(now, at)}
	case job == nil && isSuspended(at) && untried(seen):
		return idle(at, plan{step: stepTry})
	case job == nil && left > 0 && untried(seen): // who starts the Job is not known: it can't be created ahead
		return idle(at, plan{step: stepTry, wait: await(left, 0)})
	case isSuspended(at):
		return idle(at, plan{step: stepSuspend})
	case missed(now, at):
		return plan{step: stepMiss}
	case job == nil && left > lead:
		return idle(at, plan{step: stepWait, wait: await(left, lead)})
	case !atPinned(at):
		return plan{step: stepHold}
	case job == nil:
		return plan{step: stepPrepare}
	case !prepared:
		return plan{step: stepRecord}
	case left > 0:
		return plan{step: stepReady, wait: min(left, maxSleep)}
	case queued(job):
		return plan{step: stepQueued}
	default:
		return plan{step: stepStart}
	}
}

// untouched is for how long a suspended At that is new is left to its controller.
func untouched(now time.Time, at *cnatv1.At) time.Duration {
	age := now.Sub(at.CreationTimestamp.Time)
	if !isSuspended(at) || at.Generation > 1 || age < 0 || metav1.GetControllerOfNoCopy(at) == nil {
		return 0
	}
	return fresh - age
}

// untried reports whether the API server was not asked yet about the Job of an At
// as it is now, or is to be asked again since it said no.
func untried(seen snapshot) bool {
	return !seen.tried && (seen.refusal != nil || seen.at.Status.ObservedGeneration != seen.at.Generation ||
		meta.IsStatusConditionTrue(seen.at.Status.Conditions, cnatv1.ConditionStalled))
}

// idle is the plan for an At that is not to be prepared, which nothing need hold.
func idle(at *cnatv1.At, next plan) plan {
	if atPinned(at) && at.Status.PreparedJobUID == "" {
		return plan{step: stepRelease}
	}
	return next
}

// refused decides about an At whose Job was refused, and is not to be tried yet.
func refused(now time.Time, seen snapshot) plan {
	wait := seen.refusal.until.Sub(now)
	if limit := seen.at.Spec.StartingDeadlineSeconds; limit > 0 && !isSuspended(seen.at) {
		wait = min(wait, seen.at.DueTime().Add(seconds(limit)).Sub(now)+1)
	}
	return idle(seen.at, plan{step: stepRefused, wait: wait})
}

// await is how long an At that is due when left has passed is left alone. How
// many are due with it is known best shortly before.
func await(left, lead time.Duration) time.Duration {
	if left > maxLead {
		return min(left-maxLead, maxSleep)
	}
	return left - lead
}

// leadOf is how long before it is due the Job of an At is created, of so many
// that are due in the same second. They are spread, each at its own place.
func leadOf(at *cnatv1.At, together int) time.Duration {
	hash := fnv.New32a()
	hash.Write([]byte(at.UID)) // a hash's Write never fails
	spread := min(leadSpread+time.Duration(together)*leadEach, maxLead-minLead)
	return minLead + time.Duration(float64(spread)*float64(hash.Sum32()>>16)/(1<<16))
}
