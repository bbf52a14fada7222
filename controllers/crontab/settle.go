package crontab

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
)

// settled is the status with what is settled by now: what the rest is decided on. It is pure, and written only with what
// follows from it.
func (s *snapshot) settled(now time.Time) v1.CronTabStatus {
	status := *s.tab.Status.DeepCopy()
	s.settleNext(&status)
	s.settleRequested(&status)
	observed := scheduleDigest(&s.tab.Spec)
	switch {
	case status.SettledTime == nil:
		status.SettledTime = ptr.To(s.tab.CreationTimestamp)
	case status.ObservedSchedule != observed: // what was due until now is not made up for
		s.settleUntil(&status, now)
	}
	status.ObservedSchedule = observed
	s.settleSuspended(&status, now)
	return status
}

// settleUntil settles all that was due until an instant. Runs that are spread are due after their scheduled time.
func (s *snapshot) settleUntil(status *v1.CronTabStatus, instant time.Time) {
	if s.times != nil {
		instant = instant.Add(-s.times.calendar.Spread)
	}
	settle(status, instant.Truncate(time.Second))
}

// settle moves settledTime, which never goes back.
func settle(status *v1.CronTabStatus, scheduled time.Time) {
	if status.SettledTime == nil || scheduled.After(status.SettledTime.Time) {
		status.SettledTime = ptr.To(metav1.NewTime(scheduled.UTC()))
	}
}

// settleSuspended counts as missed what was due when the CronTab was suspended, as far as that is known, and had not
// started. What comes due until it is resumed is neither made up for nor missed. The recorded run is settled when
// nothing of it can start any more.
func (s *snapshot) settleSuspended(status *v1.CronTabStatus, now time.Time) {
	suspend, known := ptr.Deref(s.tab.Spec.Suspend, false), meta.FindStatusCondition(status.Conditions, v1.ConditionSuspended)
	was := known != nil && known.Status == metav1.ConditionTrue
	resumed := was && !suspend
	if !suspend && !was || status.Next != nil && !resumed {
		return
	}
	since := now
	if was && known.LastTransitionTime.Time.Before(now) {
		since = known.LastTransitionTime.Time
	}
	before := status.SettledTime.Time
	if status.Next != nil {
		before = later(before, status.Next.ScheduledTime.Time)
	}
	if s.times != nil && known != nil {
		if missed := s.times.calendar.Count(before, since.Add(-s.times.calendar.Spread), maxCounted); missed > 0 {
			addMissed(status, missed)
		}
	}
	if resumed {
		since = s.resumed(since, now)
	}
	s.settleUntil(status, since)
}

// resumed is when the CronTab was resumed, which was suspended since an instant: now, where that is not known better. The
// operator may have been away meanwhile, and what came due since then is not lost.
func (s *snapshot) resumed(since, now time.Time) time.Time {
	known, err := time.Parse(time.RFC3339, s.tab.Annotations[annotationResumed])
	if err != nil || known.After(now) {
		return now
	}
	return later(since, known)
}

// settleNext settles the next run if it has started, ended otherwise, or was deleted.
func (s *snapshot) settleNext(status *v1.CronTabStatus) {
	next := status.Next
	if next == nil {
		return
	}
	at := s.recorded(next.Name, next.UID)
	switch {
	case at != nil && !over(at):
		return
	case at != nil && started(at):
		status.LastScheduleTime = ptr.To(at.DueTime())
	case at != nil && at.Status.Phase == cnatv1.AtMissed:
		addMissed(status, 1)
	}
	settle(status, next.ScheduledTime.Time)
	status.Next = nil
}

// settleRequested settles a request in the same way.
func (s *snapshot) settleRequested(status *v1.CronTabStatus) {
	requested := status.Requested
	if requested == nil {
		return
	}
	if at := s.recorded(requested.Name, requested.UID); at == nil || over(at) {
		status.LastRequest, status.Requested = requested.Request, nil
	}
}
