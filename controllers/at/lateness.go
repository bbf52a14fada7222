package at

import (
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// eligible is since when nothing but the time keeps the run from starting, if
// that is later than the At's creation: it was edited, resumed, or is no longer
// refused.
func eligible(at *cnatv1.At, seen observation) *metav1.MicroTime {
	status := &at.Status
	edited := status.ObservedGeneration != at.Generation && at.Generation > 1
	stalled := meta.IsStatusConditionTrue(status.Conditions, cnatv1.ConditionStalled) && seen.step != stepRefused
	if status.JobUID != "" || !edited && !stalled {
		return status.EligibleTime
	}
	if seen.job != nil && seen.job.Annotations[startedAtAnnotation] != "" {
		return &metav1.MicroTime{Time: startedAt(seen.job)} // it was started as soon as it was eligible
	}
	if edit := lastEdit(at); edited && !edit.IsZero() && edit.Before(seen.now) {
		return &metav1.MicroTime{Time: edit} // maybe no operator was there to see it
	}
	return &metav1.MicroTime{Time: seen.now}
}

// lastEdit is when an At's spec was last edited, at the latest: the API server
// notes it in whole seconds. It is zero for an At of the cache, which lacks that.
func lastEdit(at *cnatv1.At) time.Time {
	var last time.Time
	for _, entry := range at.ManagedFields {
		if entry.Subresource != "" || entry.Time == nil || entry.FieldsV1 == nil || !strings.Contains(entry.FieldsV1.String(), `"f:spec"`) {
			continue
		}
		if moment := entry.Time.Add(time.Second); moment.After(last) {
			last = moment
		}
	}
	return last
}

// startLatency is how late a Job was started, by its At's next status. It is nil
// if the Job does not say when that was.
func startLatency(at *cnatv1.At, next *cnatv1.AtStatus, job *batchv1.Job) *metav1.Duration {
	if job.Annotations[startedAtAnnotation] == "" {
		return nil
	}
	return &metav1.Duration{Duration: max(0, startedAt(job).Sub(freeTime(at, next)))}
}

// freeTime is the first moment at which the At could start: when it was due,
// created, or eligible, whichever was last.
func freeTime(at *cnatv1.At, status *cnatv1.AtStatus) time.Time {
	first := at.DueTime().Time
	if at.CreationTimestamp.After(first) {
		first = at.CreationTimestamp.Time
	}
	if eligible := status.EligibleTime; eligible != nil && eligible.After(first) {
		first = eligible.Time
	}
	return first
}
