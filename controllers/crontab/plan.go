package crontab

import (
	"time"

	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

// step is what a reconcile does with a CronTab.
type step string

const (
	// stepNone: nothing is to be done before something changes, or the plan's wait is over.
	stepNone step = "None"
	// stepLook: a recorded At is not in the cache; ask the API server.
	stepLook step = "Look"
	// stepLookAtAll: a run must start beside no other; ask the API server what is active.
	stepLookAtAll step = "LookAtAll"
	// stepCreate: create the At of the next run, suspended.
	stepCreate step = "Create"
	// stepRecord: record which At is the next run: that one can be released, no other.
	stepRecord step = "Record"
	// stepRelease: let the recorded At start at its time.
	stepRelease step = "Release"
	// stepRetract: an At must not start; make that impossible.
	stepRetract step = "Retract"
	// stepClear: the recorded At can't start any more; another may be recorded for its time.
	stepClear step = "Clear"
	// stepSkip: the recorded At can't start any more, and its time passes without a run.
	stepSkip step = "Skip"
	// stepSettle: a time has had its run, by an At that was not recorded.
	stepSettle step = "Settle"
	// stepCancel: cancel an active run, which another one replaces.
	stepCancel step = "Cancel"
	// stepRequest: create the At of a run that was asked for, suspended.
	stepRequest step = "Request"
	// stepRecordRequest: record that At.
	stepRecordRequest step = "RecordRequest"
	// stepTaken: a request has had its run.
	stepTaken step = "Taken"
	// stepDelete: delete an At that never started, or one beyond the history limits.
	stepDelete step = "Delete"
)

// plan is the decision about one CronTab at one instant.
type plan struct {
	step   step
	at     *cnatv1.At    // that the step is about, if it exists
	run    schedule.Run  // that it is about
	missed int           // runs that are missed before that one
	wait   time.Duration // until the CronTab is looked at again; zero: until something changes
}

// decide is the domain: what to do about a CronTab, given the time and everything that was read of it.
//
// A scheduled time has one run, ever. Its At is created suspended, its UID is recorded in the status by
// compare-and-swap, and only the recorded At is released. The record is cleared only once that At was retracted and
// has confirmed that nothing of it can start, and one that was retracted can't be released. When the At has started,
// or was cancelled or deleted, its time is settled, and times only move on.
func decide(now time.Time, seen *snapshot) plan {
	if seen.lost() {
		return plan{step: stepLook}
	}
	if wait := seen.hasty(now); wait > 0 {
		return plan{step: stepNone, wait: wait}
	}
	status := seen.settled(now)
	next := plan{step: stepNone}
	careful := !concurrent(&seen.tab.Spec) && !seen.all
	for _, decided := range []plan{
		stray(now, seen, &status), scheduled(now, seen, &status), requested(seen, &status), history(seen, &status),
	} {
		if decided.step == stepRelease && careful {
			return plan{step: stepLookAtAll}
		}
		if decided.step != stepNone {
			return decided
		}
		if next.wait == 0 || decided.wait > 0 && decided.wait < next.wait {
			next.wait = decided.wait
		}
		next.missed += decided.missed
	}
	return next
}

// idle reports whether no run is scheduled: the CronTab is suspended, being deleted, or its schedule is invalid.
func idle(seen *snapshot) bool {
	return seen.tab.DeletionTimestamp != nil || ptr.Deref(seen.tab.Spec.Suspend, false) || seen.times == nil
}

// wanted is the next run that is to be recorded.
func wanted(now time.Time, seen *snapshot, status *v1.CronTabStatus) (run schedule.Run, missed int, found bool) {
	if idle(seen) {
		return schedule.Run{}, 0, false
	}
	return seen.times.next(status.SettledTime.Time, now)
}

// scheduled decides about the next run.
func scheduled(now time.Time, seen *snapshot, status *v1.CronTabStatus) plan {
	if status.Next != nil {
		return recordedRun(now, seen, status)
	}
	run, missed, found := wanted(now, seen, status)
	if !found {
		return plan{step: stepNone, missed: missed}
	}
	at := seen.named(atName(seen.tab, run.Scheduled))
	switch {
	case at == nil:
		return plan{step: stepCreate, run: run, missed: missed}
	case at.DeletionTimestamp != nil:
		return plan{step: stepNone} // its end brings the CronTab back here
	case over(at):
		return plan{step: stepSettle, run: run, at: at}
	case retracted(at):
		return plan{step: stepNone} // it is deleted as a stray once it is still
	default:
		return plan{step: stepRecord, run: run, missed: missed, at: at}
	}
}

// recordedRun decides about the next run once it is recorded. It has not started.
func recordedRun(now time.Time, seen *snapshot, status *v1.CronTabStatus) plan {
	next := status.Next
	at := seen.recorded(next.Name, next.UID)
	run := schedule.Run{Scheduled: next.ScheduledTime.Time, At: at.DueTime().Time}
	valid := !idle(seen) && isTime(seen, status, run)
	late, skip := now.Sub(run.At), false
	if valid {
		skip = skipped(seen, status, run, late)
	}
	switch {
	case at.DeletionTimestamp != nil:
		return plan{step: stepNone}
	case retracted(at) && !still(at):
		return plan{step: stepNone} // its status will say so
	case retracted(at) && (skip || !valid && late >= 0):
		return plan{step: stepSkip, at: at, run: run}
	case retracted(at):
		return plan{step: stepClear, at: at, run: run}
	case !valid || at.Labels[labelRevision] != seen.revision:
		return plan{step: stepRetract, at: at, run: run}
	case released(at):
		return releasedRun(seen, status, plan{step: stepNone, at: at, run: run}, late)
	case skip:
		return plan{step: stepRetract, at: at, run: run}
	default:
		return unreleased(seen, status, plan{step: stepRelease, at: at, run: run}, late)
	}
}

// isTime reports whether a recorded run is one of the schedule as it is now.
func isTime(seen *snapshot, status *v1.CronTabStatus, run schedule.Run) bool {
	again, found := seen.times.calendar.Next(run.Scheduled.Add(-time.Second))
	return found && again.Scheduled.Equal(run.Scheduled) && again.At.Equal(run.At) &&
		run.Scheduled.After(status.SettledTime.Time)
}

// skipped reports whether a run that was not released never will be: it is too late, or forbidden.
func skipped(seen *snapshot, status *v1.CronTabStatus, run schedule.Run, late time.Duration) bool {
	forbidden := seen.tab.Spec.ConcurrencyPolicy == v1.ForbidConcurrent
	if forbidden && late >= 0 && len(seen.active(status.Next)) > 0 {
		return true
	}
	limit := time.Duration(seen.times.limitOf(run, waited(&seen.tab.Spec, late))) * time.Second
	return limit > 0 && late > limit
}

// releasedRun holds a run back again for one that was asked for, which goes first.
func releasedRun(seen *snapshot, status *v1.CronTabStatus, next plan, late time.Duration) plan {
	if late < 0 && !free(seen, status) {
		next.step = stepRetract
	}
	return next
}

// free reports whether nothing keeps a scheduled run from being released: no active run, and none that is asked for.
func free(seen *snapshot, status *v1.CronTabStatus) bool {
	return concurrent(&seen.tab.Spec) || len(seen.active(status.Next)) == 0 && !asked(seen, status)
}

// unreleased decides about a run that may start, by what others do.
func unreleased(seen *snapshot, status *v1.CronTabStatus, release plan, late time.Duration) plan {
	if free(seen, status) {
		return release
	}
	if late < 0 {
		return plan{step: stepNone, wait: -late}
	}
	if seen.tab.Spec.ConcurrencyPolicy == v1.ReplaceConcurrent {
		for _, at := range seen.active(status.Next) {
			if !ptr.Deref(at.Spec.Cancel, false) {
				return plan{step: stepCancel, at: at}
			}
		}
	}
	if seen.times.deadline > 0 {
		return plan{step: stepNone, wait: max(seen.times.deadline-late, 0) + 1}
	}
	return plan{step: stepNone}
}

// waited is for how long a run has waited for others to end.
func waited(spec *v1.CronTabSpec, late time.Duration) time.Duration {
	if spec.ConcurrencyPolicy == v1.QueueConcurrent || spec.ConcurrencyPolicy == v1.ReplaceConcurrent {
		return max(late, 0)
	}
	return 0
}

func concurrent(spec *v1.CronTabSpec) bool {
	return spec.ConcurrencyPolicy == "" || spec.ConcurrencyPolicy == v1.AllowConcurrent
}

// goesOn reports whether there may be another step to take at once.
func (p plan) goesOn(seen *snapshot) bool { return p.step != stepNone && seen.refusal == nil }

// reports is whether a step changes the status, or ends the reconcile.
func (p plan) reports(seen *snapshot) bool {
	switch p.step {
	case stepNone, stepRecord, stepClear, stepSkip, stepSettle, stepRecordRequest, stepTaken:
		return true
	default:
		return seen.refusal != nil
	}
}
