package at

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/cached"
)

var due = time.Date(2027, 7, 3, 2, 0, 0, 0, time.UTC)

// newAt is an At that is due at due, with what the changes make of it.
func newAt(changes ...func(*cnatv1.At)) *cnatv1.At {
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: "default", UID: "at-uid", Generation: 1},
		Spec:       cnatv1.AtSpec{Schedule: ptr.To(metav1.NewTime(due)), Run: runv1.Run{Command: "echo YAY"}},
	}
	for _, change := range changes {
		change(at)
	}
	return at
}

// startedAs makes an At one whose status names the Job with that UID.
func startedAs(uid types.UID) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		at.Status.Phase = cnatv1.AtPending
		at.Status.JobName, at.Status.JobUID = jobName(at), uid
	}
}

func inPhase(phase cnatv1.AtPhase) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.Status.Phase = phase }
}

// preparedJob is the Job of an At as the API server holds it before it is started.
func preparedJob(at *cnatv1.At, changes ...func(*batchv1.Job)) *batchv1.Job {
	job := newJob(at, "busybox")
	job.UID, job.CreationTimestamp = "job-uid", metav1.NewTime(due.Add(-minLead))
	for _, change := range changes {
		change(job)
	}
	return job
}

// jobOf is the Job of an At once it was started.
func jobOf(at *cnatv1.At, changes ...func(*batchv1.Job)) *batchv1.Job {
	return preparedJob(at, append([]func(*batchv1.Job){func(job *batchv1.Job) {
		job.Spec.Suspend, job.Annotations[startedAtAnnotation] = ptr.To(false), due.Format(time.RFC3339Nano)
	}}, changes...)...)
}

// prepared makes an At one for which the Job with that UID is prepared.
func prepared(uid types.UID) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		holding(at)
		at.Status.Phase, at.Status.PreparedJobUID = cnatv1.AtPending, uid
	}
}

func holding(at *cnatv1.At) { at.Finalizers = append(at.Finalizers, preparedFinalizer) }
func edited(at *cnatv1.At)  { at.Generation = 2 }

func retracted(job *batchv1.Job)       { delete(job.Annotations, generationAnnotation) }
func suspendedByHand(job *batchv1.Job) { job.Spec.Suspend = ptr.To(true) }
func inQueue(job *batchv1.Job)         { job.Labels[queueLabel] = "q" }
func beingDeleted(job *batchv1.Job)    { job.DeletionTimestamp = &metav1.Time{Time: due} }
func withOldFinalizer(job *batchv1.Job) {
	job.Name, job.Finalizers = oldJobName(newAt()), []string{oldRunFinalizer}
}

func after(d time.Duration) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		at.CreationTimestamp = metav1.NewTime(due)
		at.Spec.Schedule, at.Spec.After = nil, &metav1.Duration{Duration: d}
	}
}

func observed(at *cnatv1.At)  { at.Status.ObservedGeneration = at.Generation }
func suspended(at *cnatv1.At) { at.Spec.Suspend = ptr.To(true) }

// controlled makes an At one that a controller created when it was due.
func controlled(at *cnatv1.At) {
	at.CreationTimestamp = metav1.NewTime(due)
	at.OwnerReferences = []metav1.OwnerReference{{Kind: "CronTab", Name: "owner", UID: "owner-uid", Controller: ptr.To(true)}}
}

func cancelled(at *cnatv1.At) { at.Spec.Cancel = ptr.To(true) }

func startingDeadline(seconds int64) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.Spec.StartingDeadlineSeconds = seconds }
}

func pendingDeadline(seconds int64) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.Spec.PendingDeadlineSeconds = seconds }
}

func timeToLive(seconds int32) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.Spec.TTLSecondsAfterFinished = &seconds }
}

func overSince(moment time.Time) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		startedAs("job-uid")(at)
		at.Status.Phase, at.Status.CompletionTime = cnatv1.AtSucceeded, &metav1.Time{Time: moment}
	}
}

func TestDecide(t *testing.T) {
	deleted := func(at *cnatv1.At) { at.DeletionTimestamp = &metav1.Time{Time: due} }
	foreign := func(job *batchv1.Job) { job.OwnerReferences = nil }
	ofFormerAt := func(job *batchv1.Job) { job.OwnerReferences[0].UID = "former-at-uid" }

	const lead = 2 * time.Second
	tests := map[string]struct {
		now time.Time
		at  *cnatv1.At
		job *batchv1.Job
		pod *corev1.Pod
		// refused is for how long no other attempt is made, if the Job was refused.
		refused time.Duration
		// untried: the API server was not asked about its Job in this reconcile.
		untried bool
		// queue is who is known to start its Job.
		queue string
		// defaultTTL is the operator's.
		defaultTTL *time.Duration
		want       plan
	}{
		"long before: sleeps no longer than the bound": {
			now: due.AddDate(-1, 0, 0), at: newAt(), want: plan{stepWait, maxSleep},
		},
		"new: its Job is tried": {
			now: due.AddDate(-1, 0, 0), at: newAt(), untried: true, want: plan{stepTry, maxSleep},
		},
		"new, and due soon: its Job is tried, now before others": {
			now: due.Add(-maxLead - time.Second), at: newAt(), untried: true, want: plan{stepTry, time.Second},
		},
		"new, and time to prepare: its Job is tried, which reports whether it may be prepared; it starts without": {
			now: due.Add(-lead), at: newAt(), untried: true, want: plan{stepTry, lead},
		},
		"new, and due: that shows it as well": {
			now: due, at: newAt(), untried: true, want: plan{step: stepHold},
		},
		"tried in an earlier reconcile": {
			now: due.AddDate(-1, 0, 0), at: newAt(observed), untried: true, want: plan{stepWait, maxSleep},
		},
		"stalled since before this process: its Job is tried again": {
			now: due.AddDate(-1, 0, 0), at: newAt(observed, func(at *cnatv1.At) {
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonScheduled, &stall{cnatv1.ReasonJobRefused, "no"})
			}), untried: true, want: plan{stepTry, maxSleep},
		},
		"shortly before: sleeps until it is prepared": {
			now: due.Add(-lead - time.Second), at: newAt(), want: plan{stepWait, time.Second},
		},
		"before the longest lead: sleeps until it is known how many are due": {
			now: due.Add(-maxLead - time.Second), at: newAt(), want: plan{stepWait, time.Second},
		},
		"time to prepare: is held": {
			now: due.Add(-lead), at: newAt(), want: plan{step: stepHold},
		},
		"held": {
			now: due.Add(-lead), at: newAt(holding), want: plan{step: stepPrepare},
		},
		"its Job is created": {
			now: due.Add(-lead), at: newAt(holding), job: preparedJob(newAt()), want: plan{step: stepRecord},
		},
		"its Job is recorded, a nanosecond before: never early": {
			now: due.Add(-1), at: newAt(prepared("job-uid")), job: preparedJob(newAt()), want: plan{stepReady, 1},
		},
		"prepared, and the clock was stepped back": {
			now: due.Add(-time.Minute), at: newAt(prepared("job-uid")), job: preparedJob(newAt()), want: plan{stepReady, time.Minute},
		},
		"due": {
			now: due, at: newAt(prepared("job-uid")), job: preparedJob(newAt()), want: plan{step: stepStart},
		},
		"due, and not recorded: is not started": {
			now: due, at: newAt(holding), job: preparedJob(newAt()), want: plan{step: stepRecord},
		},
		"due, and another Job is recorded: is not started": {
			now: due, at: newAt(prepared("other-uid")), job: preparedJob(newAt()), want: plan{step: stepLost},
		},
		"the prepared Job is deleted by somebody: it may have run": {
			now: due, at: newAt(prepared("job-uid")), want: plan{step: stepLost},
		},
		"the prepared Job is being deleted by somebody": {
			now: due, at: newAt(prepared("job-uid")), job: preparedJob(newAt(), beingDeleted), want: plan{step: stepNone},
		},
		"a Job that is not recorded is being deleted": {
			now: due, at: newAt(), job: preparedJob(newAt(), beingDeleted), want: plan{step: stepConflict},
		},
		"started, and the status does not know": {
			now: due, at: newAt(prepared("job-uid")), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"started and recorded: is let go": {
			now: due, at: newAt(startedAs("job-uid"), holding), job: jobOf(newAt()), want: plan{step: stepRelease},
		},
		"edited when prepared: is retracted": {
			now: due, at: newAt(prepared("job-uid"), edited), job: preparedJob(newAt()), want: plan{step: stepRetract},
		},
		"edited when its Job was created: is retracted": {
			now: due, at: newAt(holding, edited), job: preparedJob(newAt()), want: plan{step: stepRetract},
		},
		"cancelled when prepared: is retracted": {
			now: due, at: newAt(prepared("job-uid"), edited, cancelled), job: preparedJob(newAt()), want: plan{step: stepRetract},
		},
		"edited after the start: no effect": {
			now: due, at: newAt(prepared("job-uid"), edited), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"its Job is for a later generation, by a cache that is behind or by somebody's edit": {
			now: due, at: newAt(), job: preparedJob(newAt(edited)), want: plan{step: stepRetract},
		},
		"retracted: the record is cleared": {
			now: due, at: newAt(prepared("job-uid"), edited), job: preparedJob(newAt(), retracted), want: plan{step: stepForget},
		},
		"retracted and not recorded: is deleted": {
			now: due, at: newAt(holding, edited), job: preparedJob(newAt(), retracted), want: plan{step: stepCollect},
		},
		"edited to later, and its Job is collected: is let go": {
			now: due.Add(-time.Hour), at: newAt(holding), want: plan{step: stepRelease},
		},
		"suspended, and its Job is collected: is let go": {
			now: due, at: newAt(holding, suspended), want: plan{step: stepRelease},
		},
		"prepared, and too late to start": {
			now: due.Add(time.Hour), at: newAt(prepared("job-uid"), startingDeadline(60)), job: preparedJob(newAt()),
			want: plan{step: stepRetract},
		},
		"its Job was refused: waits": {
			now: due, at: newAt(holding), refused: time.Minute, want: plan{step: stepRelease},
		},
		"its Job was refused, and it is let go": {
			now: due, at: newAt(), refused: time.Minute, want: plan{stepRefused, time.Minute},
		},
		"its Job was refused, and the deadline comes first": {
			now: due, at: newAt(startingDeadline(30)), refused: time.Minute, want: plan{stepRefused, 30*time.Second + 1},
		},
		"its Job was refused until it is too late": {
			now: due.Add(time.Hour), at: newAt(startingDeadline(30)), refused: time.Minute, want: plan{step: stepMiss},
		},
		"its Job was refused, and it is time to try again": {
			now: due, at: newAt(), refused: 0, want: plan{step: stepHold},
		},
		"its start was refused: stays prepared": {
			now: due, at: newAt(prepared("job-uid")), job: preparedJob(newAt()), refused: time.Minute,
			want: plan{stepRefused, time.Minute},
		},
		"a queue of Kueue starts its Job": {
			now: due, at: newAt(prepared("job-uid")), job: preparedJob(newAt(func(at *cnatv1.At) {
				at.Labels = map[string]string{queueLabel: "q"}
			})), want: plan{step: stepQueued},
		},
		"a queue is known to start its Job: that is not prepared": {
			now: due.Add(-lead), at: newAt(), queue: "q", want: plan{stepWait, lead},
		},
		"a queue is known to start its Job, and it is due": {
			now: due, at: newAt(), queue: "q", want: plan{step: stepHold},
		},
		"a queue may start its Job before it is due: is recorded, so that nobody else records it": {
			now: due.Add(-1), at: newAt(holding), job: preparedJob(newAt(), inQueue), queue: "q", want: plan{step: stepRecord},
		},
		"a queue may start its recorded Job before it is due: is taken back": {
			now: due.Add(-1), at: newAt(prepared("job-uid")), job: preparedJob(newAt(), inQueue), queue: "q", want: plan{step: stepRetract},
		},
		"a queue has started its Job before it is due": {
			now: due.Add(-1), at: newAt(prepared("job-uid")), job: jobOf(newAt(), inQueue), queue: "q", want: plan{step: stepObserve},
		},
		"its queue started its Job, and has evicted it since: that is its run": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), hasRun), job: preparedJob(newAt(), inQueue), queue: "q",
			want: plan{step: stepObserve},
		},
		"another controller manages its Job": {
			now: due, at: newAt(prepared("job-uid")), job: preparedJob(newAt(), func(job *batchv1.Job) {
				job.Spec.ManagedBy = ptr.To("kueue.x-k8s.io/multikueue")
			}), want: plan{step: stepQueued},
		},
		"cancelled while somebody has suspended its Job: that is deleted": {
			now: due, at: newAt(startedAs("job-uid"), cancelled), job: jobOf(newAt(), suspendedByHand), want: plan{step: stepCollect},
		},
		"waited for a container while somebody has suspended its Job": {
			now: due.Add(20 * time.Second), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt(), suspendedByHand),
			want: plan{stepObserve, 40 * time.Second},
		},
		"waited too long for a container while somebody has suspended its Job": {
			now: due.Add(time.Minute), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt(), suspendedByHand),
			want: plan{step: stepCollect},
		},
		"ran before somebody suspended its Job": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), hasRun, pendingDeadline(60)), job: jobOf(newAt(), suspendedByHand),
			want: plan{step: stepObserve},
		},
		"ran too long, while somebody has suspended its Job": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), hasRun, activeDeadline(60)), job: jobOf(newAt(), suspendedByHand),
			want: plan{step: stepCollect},
		},
		"waits too long in a queue that has evicted it": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), activeDeadline(60)), job: jobOf(newAt(), suspendedByHand, inQueue), want: plan{step: stepObserve},
		},
		"deleted while prepared: its Job first": {
			now: due, at: newAt(prepared("job-uid"), deleted), job: preparedJob(newAt()), want: plan{step: stepCollect},
		},
		"deleted with --cascade=orphan while prepared: its Job first": {
			now: due, at: newAt(prepared("job-uid"), deleted), job: preparedJob(newAt(), foreign), want: plan{step: stepCollect},
		},
		"deleted while its prepared Job is being deleted: that can't be started any more first": {
			now: due, at: newAt(prepared("job-uid"), deleted), job: preparedJob(newAt(), beingDeleted), want: plan{step: stepRetract},
		},
		"deleted, and its prepared Job is retracted and being deleted": {
			now: due, at: newAt(prepared("job-uid"), deleted), job: preparedJob(newAt(), beingDeleted, retracted),
			want: plan{step: stepRelease},
		},
		"deleted, and its prepared Job, too": {
			now: due, at: newAt(prepared("job-uid"), deleted), want: plan{step: stepRelease},
		},
		"deleted when it was started": {
			now: due, at: newAt(prepared("job-uid"), deleted), job: jobOf(newAt()), want: plan{step: stepRelease},
		},
		"over, and a Job was created late": {
			now: due, at: newAt(overSince(due), startedAs("first-uid"), inPhase(cnatv1.AtSucceeded)), job: preparedJob(newAt()),
			want: plan{step: stepCollect},
		},
		"over, and held": {
			now: due, at: newAt(inPhase(cnatv1.AtMissed), holding), want: plan{step: stepRelease},
		},
		"from 0.2.0: the status does not know the Job": {
			now: due, at: newAt(), job: jobOf(newAt(), withOldFinalizer), want: plan{step: stepObserve},
		},
		"from 0.2.0: the status knows the Job": {
			now: due, at: newAt(startedAs("job-uid")), job: jobOf(newAt(), withOldFinalizer), want: plan{step: stepRelease},
		},
		"from 0.2.0: being deleted": {
			now: due, at: newAt(deleted), job: jobOf(newAt(), withOldFinalizer), want: plan{step: stepRelease},
		},
		"overdue when first seen": {
			now: due.AddDate(4, 0, 0), at: newAt(), want: plan{step: stepHold},
		},
		"the year 9999": {
			now: due, at: newAt(func(at *cnatv1.At) {
				at.Spec.Schedule = ptr.To(metav1.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
			}), want: plan{stepWait, maxSleep},
		},
		"the Job exists, the status does not know it yet": {
			now: due, at: newAt(), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job exists": {
			now: due, at: newAt(startedAs("job-uid")), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job exists and the At was moved later": {
			now: due.Add(-time.Hour), at: newAt(startedAs("job-uid")), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job is deleted": {
			now: due, at: newAt(startedAs("job-uid")), want: plan{step: stepLost},
		},
		"the Job is deleted and the At was moved later: not a second run": {
			now: due.Add(-time.Hour), at: newAt(startedAs("job-uid")), want: plan{step: stepLost},
		},
		"the Job is deleted and another has its name": {
			now: due, at: newAt(startedAs("job-uid")), job: jobOf(newAt(), func(job *batchv1.Job) { job.UID = "other" }),
			want: plan{step: stepLost},
		},
		"a Job without owner has the name": {
			now: due, at: newAt(), job: jobOf(newAt(), foreign), want: plan{step: stepConflict},
		},
		"a Job of a former At has the name": {
			now: due, at: newAt(), job: jobOf(newAt(), ofFormerAt), want: plan{step: stepConflict},
		},
		"after its creation: not yet": {
			now: due, at: newAt(after(time.Minute)), want: plan{stepWait, maxLead},
		},
		"after its creation: due": {
			now: due.Add(time.Minute), at: newAt(after(time.Minute)), want: plan{step: stepHold},
		},
		"suspended": {
			now: due, at: newAt(suspended), want: plan{step: stepSuspend},
		},
		"suspended and new: its Job is tried": {
			now: due.AddDate(1, 0, 0), at: newAt(suspended, startingDeadline(60)), untried: true, want: plan{step: stepTry},
		},
		"new, suspended, and somebody's: left to its controller": {
			now: due.Add(time.Second), at: newAt(suspended, controlled), untried: true, want: plan{stepNone, fresh - time.Second},
		},
		"no longer new": {
			now: due.Add(fresh), at: newAt(suspended, controlled), untried: true, want: plan{step: stepTry},
		},
		"new by the API server's clock only": {
			now: due.Add(-time.Hour), at: newAt(suspended, controlled), untried: true, want: plan{step: stepTry},
		},
		"new, somebody's, and changed": {
			now: due.Add(time.Second), at: newAt(suspended, controlled, edited), untried: true, want: plan{step: stepTry},
		},
		"new and somebody's, to start": {
			now: due.Add(time.Second), at: newAt(controlled), untried: true, want: plan{step: stepHold},
		},
		"suspended and held: is let go before its Job is tried": {
			now: due, at: newAt(suspended, holding), untried: true, want: plan{step: stepRelease},
		},
		"suspended, and its Job was refused: that is reported, however late it is": {
			now: due.Add(time.Hour), at: newAt(suspended, startingDeadline(60)), refused: time.Minute, want: plan{stepRefused, time.Minute},
		},
		"suspended when its Job is there already: no effect": {
			now: due, at: newAt(suspended), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"cancelled before it was due": {
			now: due.Add(-time.Hour), at: newAt(cancelled), want: plan{step: stepCancel},
		},
		"cancelled while suspended": {
			now: due, at: newAt(cancelled, suspended), want: plan{step: stepCancel},
		},
		"cancelled while it runs": {
			now: due, at: newAt(cancelled, startedAs("job-uid")), job: jobOf(newAt()), want: plan{step: stepStop},
		},
		"cancelled when its Job has finished": {
			now: due, at: newAt(cancelled, startedAs("job-uid")), job: jobOf(newAt(), with(batchv1.JobComplete, "")),
			want: plan{step: stepObserve},
		},
		"as late as it may start": {
			now: due.Add(time.Minute), at: newAt(startingDeadline(60)), want: plan{step: stepHold},
		},
		"too late to start": {
			now: due.Add(time.Minute + 1), at: newAt(startingDeadline(60)), want: plan{step: stepMiss},
		},
		"too late to start, but its Job is there": {
			now: due.Add(time.Hour), at: newAt(startingDeadline(60)), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"suspended until it is too late: missed only when it may start": {
			now: due.Add(time.Hour), at: newAt(startingDeadline(60), suspended), want: plan{step: stepSuspend},
		},
		"waits for a container": {
			now: due.Add(40 * time.Second), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			want: plan{stepObserve, 20 * time.Second},
		},
		"waited too long for a container": {
			now: due.Add(time.Minute), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			want: plan{step: stepStop},
		},
		"waited for a container, which runs now": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), pendingDeadline(60), func(at *cnatv1.At) {
				at.Status.StartTime = &metav1.Time{Time: due}
			}), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"waited for a container, which runs now, as only its pod shows": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(running()), want: plan{step: stepObserve},
		},
		"waited for a container, which has ended": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(ended(0, "")), want: plan{step: stepObserve},
		},
		"waited too long for a container, and its pod still waits": {
			now: due.Add(time.Hour), at: newAt(startedAs("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(waiting("ErrImagePull", "not found")), want: plan{step: stepStop},
		},
		"over, with the operator's time to live": {
			now: due.Add(time.Minute), at: newAt(overSince(due)), defaultTTL: ptr.To(time.Minute), want: plan{step: stepExpire},
		},
		"over, with its own time to live, which counts": {
			now: due.Add(time.Minute), at: newAt(overSince(due), timeToLive(90)), defaultTTL: ptr.To(time.Minute),
			want: plan{stepNone, 30 * time.Second},
		},
		"over, and kept for a while": {
			now: due.Add(time.Minute), at: newAt(overSince(due), timeToLive(90)), want: plan{stepNone, 30 * time.Second},
		},
		"over, and kept for long enough": {
			now: due.Add(time.Minute), at: newAt(overSince(due), timeToLive(60)), want: plan{step: stepExpire},
		},
		"missed, says the one leader, and the other started it": {
			now: due, at: newAt(inPhase(cnatv1.AtMissed)), job: jobOf(newAt()), want: plan{step: stepStop},
		},
		"succeeded": {
			now: due, at: newAt(inPhase(cnatv1.AtSucceeded)), want: plan{step: stepNone},
		},
		"failed": {
			now: due, at: newAt(inPhase(cnatv1.AtFailed)), want: plan{step: stepNone},
		},
		"being deleted": {
			now: due, at: newAt(deleted), want: plan{step: stepNone},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := snapshot{at: test.at, job: test.job, lead: lead, queue: test.queue, tried: !test.untried, defaultTTL: test.defaultTTL}
			if test.refused > 0 {
				seen.refusal = &refusal{until: test.now.Add(test.refused)}
			}
			if test.pod != nil {
				seen.run = observeRun([]corev1.Pod{*test.pod})
			}
			if got := decide(test.now, seen); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// What is written as a whole list is read from the API server, if the cache may not have all of it.
func TestFinalizersOfOthersAreReadLive(t *testing.T) {
	others := func(at *cnatv1.At) { at.Finalizers = append(at.Finalizers, "example.com/theirs") }
	for name, test := range map[string]struct {
		seen snapshot
		next step
		want bool
	}{
		"hold":                         {snapshot{at: newAt()}, stepHold, false},
		"hold, and others do":          {snapshot{at: newAt(others)}, stepHold, true},
		"release":                      {snapshot{at: newAt(holding), job: jobOf(newAt(), withOldFinalizer)}, stepRelease, false},
		"release, and others hold it":  {snapshot{at: newAt(holding, others)}, stepRelease, true},
		"release, and others hold Job": {snapshot{at: newAt(), job: jobOf(newAt(), func(job *batchv1.Job) { job.Finalizers = []string{"x/y"} })}, stepRelease, true},
	} {
		if got := (plan{step: test.next}).onlyLive(&test.seen); got != test.want {
			t.Errorf("%s: only live: %t", name, got)
		}
	}
}

// A Job of the cache says the same of itself as the API server's, whatever somebody writes into its annotations.
func TestCachedJobSaysTheSame(t *testing.T) {
	long := strings.Repeat("0", 100)
	for _, mark := range []string{"1", "", "x", "01", long + "1"} {
		for _, start := range []string{"", due.Format(time.RFC3339Nano), long} {
			live := preparedJob(newAt(), func(job *batchv1.Job) {
				job.Annotations = map[string]string{generationAnnotation: mark, startedAtAnnotation: start}
			})
			kept, err := cached.Job(live.DeepCopy())
			job, ok := kept.(*batchv1.Job)
			if err != nil || !ok {
				t.Fatal(err)
			}
			if isRetracted(job) != isRetracted(live) || isRetracted(job) != (mark != "1") || started(job) != started(live) ||
				!startedAt(job).Equal(startedAt(live)) || !metav1.IsControlledBy(job, newAt()) || queueOf(job) != queueOf(live) {
				t.Errorf("generation %q, started %q: %+v became %+v", mark, start, live, job)
			}
		}
	}
}

// All are prepared before they are due, each at its own place, and the earlier
// the more are due together.
func TestLead(t *testing.T) {
	for together, longest := range map[int]time.Duration{0: minLead + leadSpread, 1000: minLead + leadSpread + 1000*leadEach, 1000000: maxLead} {
		const n = 1000
		var early int
		for i := range n {
			got := leadOf(newAt(func(at *cnatv1.At) { at.UID = types.UID(fmt.Sprintf("b6f0-%d", i)) }), together)
			if got < minLead || got >= longest {
				t.Errorf("with %d others: %s", together, got)
			}
			if got > (minLead+longest)/2 {
				early++
			}
		}
		if early < n*4/10 || early > n*6/10 {
			t.Errorf("with %d others, %d of %d are in the first half", together, early, n)
		}
	}
}
