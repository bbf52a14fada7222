package at

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// maxSleep bounds how long an At is left alone before its time. Timers follow
// the monotonic clock, and schedules the wall clock: when the wall clock is
// stepped, or the machine suspended, it is noticed after this time at the latest.
const maxSleep = 30 * time.Second

// step is what a reconcile does with an At.
type step string

const (
	// stepNone: the At is over, or being deleted.
	stepNone step = "None"
	// stepWait: it is not due; look again after the plan's wait.
	stepWait step = "Wait"
	// stepStart: it is due; create its Job.
	stepStart step = "Start"
	// stepObserve: its Job exists; tell how it is doing.
	stepObserve step = "Observe"
	// stepConflict: an object that is not the At's has its Job's name.
	stepConflict step = "Conflict"
	// stepLost: its Job was there, and is gone before it finished.
	stepLost step = "Lost"
)

// plan is the decision about one At at one instant.
type plan struct {
	step step
	// wait is how long until the next look. Only with stepWait.
	wait time.Duration
}

// decide is the domain: what to do about an At, given the time and the object
// that has its Job's name (nil: there is none). Its table test is the
// specification.
//
// An At has one Job, ever. A Job that its status names and that is gone may
// have run, so it is never made again.
func decide(now time.Time, at *cnatv1alpha1.At, job *batchv1.Job) plan {
	switch {
	case at.Status.Finished() || at.DeletionTimestamp != nil:
		return plan{step: stepNone}
	case at.Status.JobUID != "" && (job == nil || job.UID != at.Status.JobUID):
		return plan{step: stepLost}
	case job != nil && !metav1.IsControlledBy(job, at):
		return plan{step: stepConflict}
	case job != nil:
		return plan{step: stepObserve}
	case now.Before(at.Spec.Schedule.Time):
		return plan{step: stepWait, wait: min(at.Spec.Schedule.Sub(now), maxSleep)}
	default:
		return plan{step: stepStart}
	}
}
