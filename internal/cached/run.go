package cached

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// maxMark is how much is cached of an annotation by which the operator marks a Job: longer ones are not its own.
const maxMark = 64

// marks are those annotations.
var marks = []string{domain + "generation", domain + "started-at"}

// At transforms an At on its way into the cache, without what it is to run, which may be 1 MB: that is read live for the
// one moment that it is needed. An At of the cache can be patched, but not updated.
func At(object any) (any, error) {
	if at, ok := object.(*cnatv1.At); ok {
		boundMeta(&at.ObjectMeta)
		at.Annotations = nil // kubectl keeps a copy of all there
		at.Spec.Containers, at.Spec.Command, at.Spec.Template = nil, "", nil
	}
	return object, nil
}

// maxWhole is up to what size, in bytes, a Job is cached as a whole that may still be started.
const maxWhole = 4 << 10

// Job transforms a Job likewise: without its pod, and what else somebody may write much into. One that waits to be started
// stays whole unless it is large, so that it can be written back: there are few of them at a time.
func Job(object any) (any, error) {
	job, ok := object.(*batchv1.Job)
	if !ok {
		return object, nil
	}
	if job.ManagedFields = nil; ptr.Deref(job.Spec.Suspend, false) && job.Size() <= maxWhole {
		return job, nil
	}
	boundMeta(&job.ObjectMeta)
	kept := map[string]string{}
	for _, name := range marks {
		if value, found := job.Annotations[name]; found {
			kept[name] = value[:min(len(value), maxMark)] // not dropped: that it is there means something
		}
	}
	job.Annotations = kept
	job.Spec = batchv1.JobSpec{
		Parallelism: job.Spec.Parallelism, Completions: job.Spec.Completions, BackoffLimit: job.Spec.BackoffLimit,
		ActiveDeadlineSeconds: job.Spec.ActiveDeadlineSeconds, TTLSecondsAfterFinished: job.Spec.TTLSecondsAfterFinished,
		Suspend: job.Spec.Suspend, ManagedBy: job.Spec.ManagedBy,
	}
	job.Status.CompletedIndexes, job.Status.FailedIndexes, job.Status.UncountedTerminatedPods = "", nil, nil
	return job, nil
}
