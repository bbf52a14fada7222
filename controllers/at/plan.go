package at

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

const (
	// maxSleep bounds how long an At is left alone before its time. It is far from
	// what a timer can hold, for schedules in the year 9999. That the wall clock is
	// stepped in the meantime is for clockWatch to notice.
	maxSleep = time.Hour

	// minLead is how long before an At is due its Job is created at the latest.
	minLead = 500 * time.Millisecond
	// leadSpread is over how long before that the Jobs of few Ats are spread, and
	// leadEach by how much that grows with each At that is due in the same second.
	leadSpread = 2 * time.Second
	leadEach   = 10 * time.Millisecond
	// maxLead bounds it all: no Job is created earlier.
	maxLead = 30 * time.Second
)

// step is what a reconcile does with an At.
type step string

const (
	// stepNone: nothing is to be done, for now or for ever.
	stepNone step = "None"
	// stepWait: it is not time to create its Job; look again after the plan's wait.
	stepWait step = "Wait"
	// stepTry: its spec is new, and it is not due: ask the API server whether it
	// would take its Job, and who would start it.
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
	case isRun && status.JobUID != "" && (held(at) || pinned(job)):
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

func isSuspended(at *cnatv1alpha1.At) bool { return ptr.Deref(at.Spec.Suspend, false) }

// missed tells whether it is too late to start.
func missed(now time.Time, at *cnatv1alpha1.At) bool {
	limit := at.Spec.StartingDeadlineSeconds
	return limit > 0 && now.Sub(at.DueTime().Time) > seconds(limit)
}

// recorded is the UID of the Job that is the run, or that is prepared for it.
func recorded(at *cnatv1alpha1.At) types.UID {
	if at.Status.JobUID != "" {
		return at.Status.JobUID
	}
	return at.Status.PreparedJobUID
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
	case job == nil && (isSuspended(at) || left > 0) && untried(seen):
		return idle(at, plan{step: stepTry})
	case isSuspended(at):
		return idle(at, plan{step: stepSuspend})
	case missed(now, at):
		return plan{step: stepMiss}
	case job == nil && left > lead:
		return idle(at, plan{step: stepWait, wait: await(left, lead)})
	case !held(at):
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

// untried tells whether the API server was not asked yet about the Job of an At
// as it is now, or is to be asked again since it said no.
func untried(seen snapshot) bool {
	return !seen.tried && (seen.refusal != nil || seen.at.Status.ObservedGeneration != seen.at.Generation ||
		meta.IsStatusConditionTrue(seen.at.Status.Conditions, cnatv1alpha1.ConditionStalled))
}

// onlyLive tells whether a step is not taken on the cache's word, which may be
// behind the API server.
func (p plan) onlyLive(seen *snapshot) bool {
	switch p.step {
	case stepTry, stepPrepare, stepRecord, stepRetract, stepLost, stepMiss, stepCancel, stepStop:
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

// goesOn tells whether there may be another step to take at once.
func (p plan) goesOn(seen *snapshot) bool {
	switch p.step {
	case stepTry, stepHold, stepPrepare, stepRecord, stepRetract, stepForget, stepCollect, stepRelease, stepConflict,
		stepMiss, stepCancel, stepLost:
		return true
	case stepStart: // what follows on it, the Job's own event brings about
		return seen.refusal != nil
	default:
		return false
	}
}

// reports tells whether a step has something to say in the status.
func reports(s step) bool {
	switch s {
	case stepNone, stepExpire, stepTry, stepHold, stepPrepare, stepStart, stepRetract, stepCollect, stepRelease, stepConflict:
		return false
	default:
		return true
	}
}

// idle is the plan for an At that is not to be prepared, which nothing need hold.
func idle(at *cnatv1alpha1.At, next plan) plan {
	if held(at) && at.Status.PreparedJobUID == "" {
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
func leadOf(at *cnatv1alpha1.At, together int) time.Duration {
	hash := fnv.New32a()
	hash.Write([]byte(at.UID)) // a hash's Write never fails
	spread := min(leadSpread+time.Duration(together)*leadEach, maxLead-minLead)
	return minLead + time.Duration(float64(spread)*float64(hash.Sum32()>>16)/(1<<16))
}

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

func deadlineOf(at *cnatv1alpha1.At, waits bool) deadline {
	pending, active := at.Spec.PendingDeadlineSeconds, at.Spec.ActiveDeadlineSeconds
	switch {
	case waits && pending > 0 && (active == 0 || pending <= active):
		return deadline{
			seconds(pending), cnatv1alpha1.ReasonPendingDeadlineExceeded,
			noContainerWithin("pendingDeadlineSeconds", pending),
		}
	case waits:
		return deadline{
			seconds(active), cnatv1alpha1.ReasonDeadlineExceeded,
			noContainerWithin("activeDeadlineSeconds", active),
		}
	default:
		return deadline{
			seconds(active), cnatv1alpha1.ReasonDeadlineExceeded,
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
	if held(at) || job != nil && metav1.IsControlledBy(job, at) && pinned(job) {
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
	case held(at) && own && !started(job) && job.DeletionTimestamp == nil:
		return plan{step: stepCollect}
	case held(at) && own && !started(job) && !isRetracted(job): // others' finalizers hold it
		return plan{step: stepRetract}
	case held(at), own && pinned(job):
		return plan{step: stepRelease}
	default:
		return plan{step: stepNone}
	}
}

// started tells whether a Job was ever allowed to run.
func started(job *batchv1.Job) bool {
	return !ptr.Deref(job.Spec.Suspend, false) || job.Annotations[startedAtAnnotation] != "" ||
		job.Status.StartTime != nil || finished(job)
}

// startedAt is when a Job was allowed to run.
func startedAt(job *batchv1.Job) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, job.Annotations[startedAtAnnotation]); err == nil {
		return at
	}
	return job.CreationTimestamp.Time
}

// queueOf is who starts the Job in the operator's place: a queue of Kueue, or who
// manages it; empty: nobody does.
func queueOf(job *batchv1.Job) string {
	return cmp.Or(job.Labels[queueLabel], ptr.Deref(job.Spec.ManagedBy, ""))
}

func queued(job *batchv1.Job) bool { return queueOf(job) != "" }

// generationOf is that of the At that a Job was prepared for. A Job without one
// was retracted.
func generationOf(job *batchv1.Job) (int64, bool) {
	mark := job.Annotations[generationAnnotation]
	generation, err := strconv.ParseInt(mark, 10, 64)
	return generation, err == nil && strconv.FormatInt(generation, 10) == mark // what is longer, the cache has cut off
}

func isRetracted(job *batchv1.Job) bool {
	_, live := generationOf(job)
	return !live
}

// held tells whether the At is deleted only once the operator lets it go.
func held(at *cnatv1alpha1.At) bool { return controllerutil.ContainsFinalizer(at, preparedFinalizer) }

// pinned tells whether a Job has the finalizer that version 0.2.0 gave it.
func pinned(job *batchv1.Job) bool { return controllerutil.ContainsFinalizer(job, oldRunFinalizer) }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
