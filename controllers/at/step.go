package at

import (
	"slices"
	"time"
)

// step is what a reconcile does with an At.
type step string

const (
	// stepNone: nothing is to be done, for now or for ever.
	stepNone step = "None"
	// stepWait: it is not time to create its Job; check again after the plan's wait.
	stepWait step = "Wait"
	// stepTry: its spec is new, and it is not due: ask the API server whether it
	// would take its Job, and who would start it; go on without an answer after
	// the plan's wait.
	stepTry step = "Try"
	// stepSuspend: it must not start until somebody says so.
	stepSuspend step = "Suspend"
	// stepRefused: its Job was refused; try again after the plan's wait.
	stepRefused step = "Refused"
	// stepHold: it is about to be prepared; from now on it is deleted only once
	// its Job can't start any more.
	stepHold step = "Hold"
	// stepPrepare: create its Job, suspended.
	stepPrepare step = "Prepare"
	// stepRecord: record which Job is prepared: that one can be started, no other.
	stepRecord step = "Record"
	// stepReady: it is prepared; start it after the plan's wait.
	stepReady step = "Ready"
	// stepStart: it is due; let its Job run.
	stepStart step = "Start"
	// stepQueued: it is due, and somebody else starts its Job.
	stepQueued step = "Queued"
	// stepRetract: its Job must not be started; make that impossible.
	stepRetract step = "Retract"
	// stepForget: the recorded Job was retracted; another may be prepared.
	stepForget step = "Forget"
	// stepCollect: delete a Job that never started.
	stepCollect step = "Collect"
	// stepRelease: nothing is prepared any more; let it be deleted freely.
	stepRelease step = "Release"
	// stepMiss: it is due, and too late to start.
	stepMiss step = "Miss"
	// stepCancel: it was cancelled before it started.
	stepCancel step = "Cancel"
	// stepObserve: its Job was started; report how it is doing.
	stepObserve step = "Observe"
	// stepStop: its Job must end; stop it, and report how it is doing.
	stepStop step = "Stop"
	// stepConflict: an object that it can't use has its Job's name.
	stepConflict step = "Conflict"
	// stepLost: its Job existed, and was deleted before its end was seen.
	stepLost step = "Lost"
	// stepExpire: it is over for longer than it is to be kept; delete it.
	stepExpire step = "Expire"
)

// plan is the decision about one At at one instant.
type plan struct {
	step step
	// wait is how long until the At is looked at again; zero: until something changes.
	wait time.Duration
}

// onlyLive reports whether a step is not taken on the cache's word, which may be
// behind the API server.
func (p plan) onlyLive(seen *snapshot) bool {
	switch p.step {
	case stepPrepare, stepRecord, stepRetract, stepLost, stepMiss, stepCancel, stepStop:
		return true
	case stepHold, stepRelease: // of many finalizers, the cache has not all
		return seen.at.DeletionTimestamp != nil || hasOthersFinalizer(seen)
	default:
		return false
	}
}

func hasOthersFinalizer(seen *snapshot) bool {
	all := seen.at.Finalizers
	if seen.job != nil {
		all = append(slices.Clone(all), seen.job.Finalizers...)
	}
	return slices.ContainsFunc(all, func(f string) bool { return f != preparedFinalizer && f != oldRunFinalizer })
}

// goesOn reports whether there may be another step to take at once.
func (p plan) goesOn(seen *snapshot) bool {
	switch p.step {
	case stepHold, stepPrepare, stepRecord, stepRetract, stepForget, stepCollect, stepRelease, stepConflict, stepMiss,
		stepCancel, stepLost:
		return true
	case stepTry:
		return seen.tried
	case stepStart: // what follows on it, the Job's own event brings about
		return seen.refusal != nil
	default:
		return false
	}
}

// reports is whether a step has something to say in the status.
func reports(s step) bool {
	switch s {
	case stepNone, stepExpire, stepTry, stepHold, stepPrepare, stepStart, stepRetract, stepCollect, stepRelease, stepConflict:
		return false
	default:
		return true
	}
}
