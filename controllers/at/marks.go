package at

import (
	"cmp"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// started reports whether a Job was ever allowed to run.
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

// atPinned reports whether the At is deleted only once the operator lets it go.
func atPinned(at *cnatv1.At) bool {
	return controllerutil.ContainsFinalizer(at, preparedFinalizer)
}

// jobPinned reports whether a Job has the finalizer that version 0.2.0 gave it.
func jobPinned(job *batchv1.Job) bool { return controllerutil.ContainsFinalizer(job, oldRunFinalizer) }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
