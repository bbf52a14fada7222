package at

import (
	"cmp"
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// snapshot is everything about an At that a decision and its status are
// computed from.
type snapshot struct {
	at         *cnatv1.At
	job        *batchv1.Job   // the object with the name of the At's Job; nil: there is none
	pods       []corev1.Pod   // of the At's own Job
	run        run            // what they report
	live       bool           // it is what the API server said, not the cache; else the At lacks what is to run
	lead       time.Duration  // how long before it is due its Job is created, unless somebody else starts it
	queue      string         // who does, as far as it is known; empty: nobody
	tried      bool           // the API server was asked about its Job as it is now
	defaultTTL *time.Duration // of Ats that have none of their own; nil: they are kept
	refusal    *refusal       // of its Job in its generation; nil: there was none
}

// read reads an At and what belongs to it, from the cache or the API server.
// Without an At, it is nil.
func (r *Reconciler) read(ctx context.Context, from client.Reader, name types.NamespacedName) (*snapshot, error) {
	at := &cnatv1.At{}
	err := from.Get(ctx, name, at)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the At: %w", err)
	}
	seen := &snapshot{
		at: at, live: from == r.APIReader, refusal: r.refusals.of(at),
		queue: cmp.Or(at.Labels[queueLabel], at.Status.Queue),
		lead:  leadOf(at, r.census.dueWith(at)), defaultTTL: r.DefaultTTL,
	}
	r.accepted.recall(seen)
	return seen, r.readJob(ctx, from, seen)
}

// readJob reads the Job and its pods.
func (r *Reconciler) readJob(ctx context.Context, from client.Reader, seen *snapshot) error {
	seen.job, seen.pods, seen.run = nil, nil, run{}
	for _, name := range []string{jobName(seen.at), oldJobName(seen.at)} {
		job := &batchv1.Job{}
		err := from.Get(ctx, types.NamespacedName{Namespace: seen.at.Namespace, Name: name}, job)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return fmt.Errorf("reading Job %s: %w", name, err)
		case seen.job == nil || metav1.IsControlledBy(job, seen.at): // another's Job hides none of its own
			seen.job = job
		}
	}
	job := seen.job
	if job == nil {
		return r.readPods(ctx, from, seen, recorded(seen.at)) // --cascade=orphan leaves them behind
	}
	if !metav1.IsControlledBy(job, seen.at) {
		return nil
	}
	seen.queue = queueOf(job)
	if seen.at.Status.Finished() || !started(job) {
		return nil
	}
	if err := r.readPods(ctx, from, seen, job.UID); err != nil {
		return err
	}
	if !seen.live && finished(job) && !agrees(seen.run, job) {
		// The Job is over, and its status final: the cached pods may be behind.
		return r.readPods(ctx, r.APIReader, seen, job.UID)
	}
	return nil
}

// agrees reports whether the pods report the end that their Job had.
func agrees(run run, job *batchv1.Job) bool {
	return run.over && (run.failure == nil) == (jobCondition(job, batchv1.JobComplete) != nil)
}

// readPods reads the pods of a Job; without a UID, there is none.
func (r *Reconciler) readPods(ctx context.Context, from client.Reader, seen *snapshot, job types.UID) error {
	if job == "" {
		return nil
	}
	pods := &corev1.PodList{}
	if err := from.List(ctx, pods, client.InNamespace(seen.at.Namespace),
		client.MatchingLabels{batchv1.ControllerUidLabel: string(job)}); err != nil {
		return fmt.Errorf("listing the pods of the Job: %w", err)
	}
	seen.pods, seen.run = pods.Items, observeRun(pods.Items)
	return r.hear(ctx, seen)
}
