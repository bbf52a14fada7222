package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

var due = time.Date(2027, 7, 3, 2, 0, 0, 0, time.UTC)

// newAt is an At that is due at due, with what the changes make of it.
func newAt(changes ...func(*cnatv1alpha1.At)) *cnatv1alpha1.At {
	at := &cnatv1alpha1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: "default", UID: "at-uid", Generation: 1},
		Spec:       cnatv1alpha1.AtSpec{Schedule: metav1.NewTime(due), Command: "echo YAY"},
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
	job := newJob(at, "busybox")
	job.UID = "job-uid"
	for _, change := range changes {
		change(job)
	}
	return job
}

func TestDecide(t *testing.T) {
	deleted := func(at *cnatv1alpha1.At) { at.DeletionTimestamp = &metav1.Time{Time: due} }
	foreign := func(job *batchv1.Job) { job.OwnerReferences = nil }
	ofFormerAt := func(job *batchv1.Job) { job.OwnerReferences[0].UID = "former-at-uid" }

	tests := map[string]struct {
		now  time.Time
		at   *cnatv1alpha1.At
		job  *batchv1.Job
		want plan
	}{
		"long before: sleeps no longer than the bound": {
			now: due.Add(-time.Hour), at: newAt(), want: plan{stepWait, maxSleep},
		},
		"shortly before: sleeps until due": {
			now: due.Add(-time.Second), at: newAt(), want: plan{stepWait, time.Second},
		},
		"a nanosecond before: never early": {
			now: due.Add(-1), at: newAt(), want: plan{stepWait, 1},
		},
		"due": {
			now: due, at: newAt(), want: plan{step: stepStart},
		},
		"overdue when first seen": {
			now: due.AddDate(4, 0, 0), at: newAt(), want: plan{step: stepStart},
		},
		"the year 9999": {
			now: due, at: newAt(func(at *cnatv1alpha1.At) {
				at.Spec.Schedule = metav1.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
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
			if got := decide(test.now, test.at, test.job); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
