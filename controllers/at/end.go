package at

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// expire decides about an At that is over.
func expire(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	if job != nil && metav1.IsControlledBy(job, at) && job.DeletionTimestamp == nil {
		switch {
		case !started(job) && job.UID != at.Status.JobUID:
			return plan{step: stepCollect}
		case job.UID != at.Status.JobUID && !finished(job):
			return plan{step: stepStop} // version 0.2.0 could start one that it called missed
		}
	}
	if atPinned(at) || job != nil && metav1.IsControlledBy(job, at) && jobPinned(job) {
		return plan{step: stepRelease}
	}
	ttl := seen.defaultTTL
	if at.Spec.TTLSecondsAfterFinished != nil {
		ttl = ptr.To(seconds(int64(*at.Spec.TTLSecondsAfterFinished)))
	}
	if ttl == nil || at.Status.CompletionTime == nil {
		return plan{step: stepNone}
	}
	left := at.Status.CompletionTime.Add(*ttl).Sub(now)
	if left <= 0 {
		return plan{step: stepExpire}
	}
	return plan{step: stepNone, wait: min(left, maxSleep)}
}

// deleted decides about an At that is being deleted.
func deleted(seen snapshot) plan {
	at, job := seen.at, seen.job
	// --cascade=orphan takes the owner from a prepared Job, which could be started all the same.
	own := job != nil && (metav1.IsControlledBy(job, at) || job.UID == recorded(at))
	switch {
	case atPinned(at) && own && !started(job) && job.DeletionTimestamp == nil:
		return plan{step: stepCollect}
	case atPinned(at) && own && !started(job) && !isRetracted(job): // others' finalizers hold it
		return plan{step: stepRetract}
	case atPinned(at), own && jobPinned(job):
		return plan{step: stepRelease}
	default:
		return plan{step: stepNone}
	}
}
