package at

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// maxSleep bounds how long an At is left alone before its time. It is far from
// what a timer can hold, for schedules in the year 9999. That the wall clock is
// stepped in the meantime is for clockWatch to notice.
const maxSleep = time.Hour

// step is what a reconcile does with an At.
type step string

const (
	// stepNone: nothing is to be done, for now or for ever.
	stepNone step = "None"
	// stepWait: it is not due; look again after the plan's wait.
	stepWait step = "Wait"
	// stepLook: it is due in moments; read it live ahead of its time.
	stepLook step = "Look"
	// stepSuspend: it must not start until somebody says so.
	stepSuspend step = "Suspend"
	// stepStart: it is due; create its Job.
	stepStart step = "Start"
	// stepMiss: it is due, and too late to start.
	stepMiss step = "Miss"
	// stepCancel: it was cancelled before it started.
	stepCancel step = "Cancel"
	// stepObserve: its Job exists; tell how it is doing.
	stepObserve step = "Observe"
	// stepStop: its Job must end; stop it, and tell how it is doing.
	stepStop step = "Stop"
	// stepConflict: an object that is not the At's has its Job's name.
	stepConflict step = "Conflict"
	// stepLost: its Job was there, and is gone before it finished.
	stepLost step = "Lost"
	// stepExpire: it is over for longer than it is to be kept; delete it.
	stepExpire step = "Expire"
)

// plan is the decision about one At at one instant.
type plan struct {
	step step
	// wait is how long until the next look; zero: until something changes.
	wait time.Duration
}

// decide is the domain: what to do about an At, given the time and everything
// that was read of it. Its table test is the specification.
//
// An At has one Job, ever. A Job that its status names and that is deleted may
// have run, so it is never created again.
func decide(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	spec := &at.Spec
	due := at.DueTime()
	switch {
	case at.DeletionTimestamp != nil:
		return plan{step: stepNone}
	case at.Status.Finished():
		return expire(now, at, job)
	case at.Status.JobUID != "" && (job == nil || job.UID != at.Status.JobUID):
		return plan{step: stepLost}
	case job != nil && !metav1.IsControlledBy(job, at):
		return plan{step: stepConflict}
	case job != nil:
		return watch(now, seen)
	case ptr.Deref(spec.Cancel, false):
		return plan{step: stepCancel}
	case ptr.Deref(spec.Suspend, false):
		return plan{step: stepSuspend}
	case now.Before(due.Time):
		return await(due.Sub(now), lead(at.UID))
	case spec.StartingDeadlineSeconds > 0 && now.Sub(due.Time) > seconds(spec.StartingDeadlineSeconds):
		return plan{step: stepMiss}
	default:
		return plan{step: stepStart}
	}
}

// await decides about an At that is due when left has passed, and is to be
// looked at a lead before that.
func await(left, lead time.Duration) plan {
	if left <= lead {
		return plan{step: stepLook, wait: left}
	}
	return plan{step: stepWait, wait: min(left-lead, maxSleep)}
}

// watch decides about an At whose Job exists.
func watch(now time.Time, seen snapshot) plan {
	at, job := seen.at, seen.job
	switch {
	case finished(job) || job.DeletionTimestamp != nil:
		return plan{step: stepObserve}
	case ptr.Deref(at.Spec.Cancel, false):
		return plan{step: stepStop}
	case at.Status.StartTime != nil || seen.run.started != nil || at.Spec.PendingDeadlineSeconds == 0:
		return plan{step: stepObserve}
	}
	left := job.CreationTimestamp.Add(seconds(at.Spec.PendingDeadlineSeconds)).Sub(now)
	if left <= 0 {
		return plan{step: stepStop}
	}
	return plan{step: stepObserve, wait: min(left, maxSleep)}
}

// expire decides about an At that is over.
func expire(now time.Time, at *cnatv1alpha1.At, job *batchv1.Job) plan {
	if job != nil && metav1.IsControlledBy(job, at) && job.UID != at.Status.JobUID && !finished(job) {
		return plan{step: stepStop} // of two leaders, one called the At missed while the other started it
	}
	if at.Spec.TTLSecondsAfterFinished == nil || at.Status.CompletionTime == nil {
		return plan{step: stepNone}
	}
	left := at.Status.CompletionTime.Add(seconds(int64(*at.Spec.TTLSecondsAfterFinished))).Sub(now)
	if left <= 0 {
		return plan{step: stepExpire}
	}
	return plan{step: stepNone, wait: min(left, maxSleep)}
}

// releasable tells whether the Job's finalizer has served: the Job is recorded
// in the status of its At (at is that which has the name now, nil: none), or
// the At will make no other because it is over, gone, or going.
func releasable(at *cnatv1alpha1.At, job *batchv1.Job) bool {
	owner := metav1.GetControllerOf(job)
	return at == nil || owner == nil || at.UID != owner.UID || at.DeletionTimestamp != nil ||
		at.Status.JobUID == job.UID || at.Status.Finished()
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
