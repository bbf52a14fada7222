package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

var due = time.Date(2027, 7, 3, 2, 0, 0, 0, time.UTC)

// newAt is an At that is due at due, with what the changes make of it.
func newAt(changes ...func(*cnatv1alpha1.At)) *cnatv1alpha1.At {
	at := &cnatv1alpha1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: "default", UID: "at-uid", Generation: 1},
		Spec:       cnatv1alpha1.AtSpec{Schedule: ptr.To(metav1.NewTime(due)), Command: "echo YAY"},
	}
	for _, change := range changes {
		change(at)
	}
	return at
}

// started makes an At one whose status names the Job with that UID.
func started(uid types.UID) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) {
		at.Status.Phase = cnatv1alpha1.AtPending
		at.Status.JobName, at.Status.JobUID = jobName(at), uid
	}
}

func inPhase(phase cnatv1alpha1.AtPhase) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) { at.Status.Phase = phase }
}

// jobOf is the Job of an At as the API server holds it.
func jobOf(at *cnatv1alpha1.At, changes ...func(*batchv1.Job)) *batchv1.Job {
	job := newJob(at, "busybox", due)
	job.UID, job.CreationTimestamp = "job-uid", metav1.NewTime(due)
	for _, change := range changes {
		change(job)
	}
	return job
}

func after(d time.Duration) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) {
		at.CreationTimestamp = metav1.NewTime(due)
		at.Spec.Schedule, at.Spec.After = nil, &metav1.Duration{Duration: d}
	}
}

func suspended(at *cnatv1alpha1.At) { at.Spec.Suspend = ptr.To(true) }
func cancelled(at *cnatv1alpha1.At) { at.Spec.Cancel = ptr.To(true) }

func startingDeadline(seconds int64) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) { at.Spec.StartingDeadlineSeconds = seconds }
}

func pendingDeadline(seconds int64) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) { at.Spec.PendingDeadlineSeconds = seconds }
}

func timeToLive(seconds int32) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) { at.Spec.TTLSecondsAfterFinished = &seconds }
}

func overSince(moment time.Time) func(*cnatv1alpha1.At) {
	return func(at *cnatv1alpha1.At) {
		started("job-uid")(at)
		at.Status.Phase, at.Status.CompletionTime = cnatv1alpha1.AtSucceeded, &metav1.Time{Time: moment}
	}
}

func TestDecide(t *testing.T) {
	deleted := func(at *cnatv1alpha1.At) { at.DeletionTimestamp = &metav1.Time{Time: due} }
	foreign := func(job *batchv1.Job) { job.OwnerReferences = nil }
	ofFormerAt := func(job *batchv1.Job) { job.OwnerReferences[0].UID = "former-at-uid" }

	tests := map[string]struct {
		now  time.Time
		at   *cnatv1alpha1.At
		job  *batchv1.Job
		pod  *corev1.Pod
		want plan
	}{
		"long before: sleeps no longer than the bound": {
			now: due.AddDate(-1, 0, 0), at: newAt(), want: plan{stepWait, maxSleep},
		},
		"shortly before: sleeps until it is looked at": {
			now: due.Add(-lead("at-uid") - time.Second), at: newAt(), want: plan{stepWait, time.Second},
		},
		"in moments: is looked at": {
			now: due.Add(-lead("at-uid")), at: newAt(), want: plan{stepLook, lead("at-uid")},
		},
		"a nanosecond before: never early": {
			now: due.Add(-1), at: newAt(), want: plan{stepLook, 1},
		},
		"due": {
			now: due, at: newAt(), want: plan{step: stepStart},
		},
		"overdue when first seen": {
			now: due.AddDate(4, 0, 0), at: newAt(), want: plan{step: stepStart},
		},
		"the year 9999": {
			now: due, at: newAt(func(at *cnatv1alpha1.At) {
				at.Spec.Schedule = ptr.To(metav1.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
			}), want: plan{stepWait, maxSleep},
		},
		"the Job exists, the status does not know it yet": {
			now: due, at: newAt(), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job exists": {
			now: due, at: newAt(started("job-uid")), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job exists and the At was moved later": {
			now: due.Add(-time.Hour), at: newAt(started("job-uid")), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"the Job is gone": {
			now: due, at: newAt(started("job-uid")), want: plan{step: stepLost},
		},
		"the Job is gone and the At was moved later: not a second run": {
			now: due.Add(-time.Hour), at: newAt(started("job-uid")), want: plan{step: stepLost},
		},
		"the Job is gone and another has its name": {
			now: due, at: newAt(started("job-uid")), job: jobOf(newAt(), func(job *batchv1.Job) { job.UID = "other" }),
			want: plan{step: stepLost},
		},
		"a Job without owner has the name": {
			now: due, at: newAt(), job: jobOf(newAt(), foreign), want: plan{step: stepConflict},
		},
		"a Job of a former At has the name": {
			now: due, at: newAt(), job: jobOf(newAt(), ofFormerAt), want: plan{step: stepConflict},
		},
		"after its creation: not yet": {
			now: due, at: newAt(after(time.Minute)), want: plan{stepWait, time.Minute - lead("at-uid")},
		},
		"after its creation: due": {
			now: due.Add(time.Minute), at: newAt(after(time.Minute)), want: plan{step: stepStart},
		},
		"suspended": {
			now: due, at: newAt(suspended), want: plan{step: stepSuspend},
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
			now: due, at: newAt(cancelled, started("job-uid")), job: jobOf(newAt()), want: plan{step: stepStop},
		},
		"cancelled when its Job has finished": {
			now: due, at: newAt(cancelled, started("job-uid")), job: jobOf(newAt(), with(batchv1.JobComplete, "")),
			want: plan{step: stepObserve},
		},
		"as late as it may start": {
			now: due.Add(time.Minute), at: newAt(startingDeadline(60)), want: plan{step: stepStart},
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
			now: due.Add(40 * time.Second), at: newAt(started("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			want: plan{stepObserve, 20 * time.Second},
		},
		"waited too long for a container": {
			now: due.Add(time.Minute), at: newAt(started("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			want: plan{step: stepStop},
		},
		"waited for a container, which runs now": {
			now: due.Add(time.Hour), at: newAt(started("job-uid"), pendingDeadline(60), func(at *cnatv1alpha1.At) {
				at.Status.StartTime = &metav1.Time{Time: due}
			}), job: jobOf(newAt()), want: plan{step: stepObserve},
		},
		"waited for a container, which runs now, as only its pod shows": {
			now: due.Add(time.Hour), at: newAt(started("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(running()), want: plan{step: stepObserve},
		},
		"waited for a container, which has ended": {
			now: due.Add(time.Hour), at: newAt(started("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(ended(0, "")), want: plan{step: stepObserve},
		},
		"waited too long for a container, and its pod still waits": {
			now: due.Add(time.Hour), at: newAt(started("job-uid"), pendingDeadline(60)), job: jobOf(newAt()),
			pod: newPod(waiting("ErrImagePull", "not found")), want: plan{step: stepStop},
		},
		"over, and kept for a while": {
			now: due.Add(time.Minute), at: newAt(overSince(due), timeToLive(90)), want: plan{stepNone, 30 * time.Second},
		},
		"over, and kept for long enough": {
			now: due.Add(time.Minute), at: newAt(overSince(due), timeToLive(60)), want: plan{step: stepExpire},
		},
		"missed, says the one leader, and the other started it": {
			now: due, at: newAt(inPhase(cnatv1alpha1.AtMissed)), job: jobOf(newAt()), want: plan{step: stepStop},
		},
		"succeeded": {
			now: due, at: newAt(inPhase(cnatv1alpha1.AtSucceeded)), want: plan{step: stepNone},
		},
		"failed": {
			now: due, at: newAt(inPhase(cnatv1alpha1.AtFailed)), want: plan{step: stepNone},
		},
		"being deleted": {
			now: due, at: newAt(deleted), want: plan{step: stepNone},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := snapshot{at: test.at, job: test.job}
			if test.pod != nil {
				seen.run = observeRun([]corev1.Pod{*test.pod})
			}
			if got := decide(test.now, seen); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestReleasable(t *testing.T) {
	job := jobOf(newAt())
	tests := map[string]struct {
		at   *cnatv1alpha1.At
		want bool
	}{
		"not recorded":     {newAt(), false},
		"another recorded": {newAt(started("other-uid")), false},
		"recorded":         {newAt(started("job-uid")), true},
		"the At is over":   {newAt(inPhase(cnatv1alpha1.AtMissed)), true},
		"the At is gone":   {nil, true},
		"the At is going":  {newAt(func(at *cnatv1alpha1.At) { at.DeletionTimestamp = &metav1.Time{Time: due} }), true},
		"of a former At":   {newAt(func(at *cnatv1alpha1.At) { at.UID = "made-again" }), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := releasable(test.at, job); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
