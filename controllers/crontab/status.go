package crontab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/text"
	"example.com/cnat-operator/internal/write"
)

const (
	// maxActive bounds how many active runs are named.
	maxActive = 1000
	// maxMessage bounds the message of a condition, in bytes.
	maxMessage = 4096
)

// report writes the CronTab's status if it changes, and then sends the events and counts the metrics of the change.
func (r *Reconciler) report(ctx context.Context, now time.Time, next plan, seen *snapshot) error {
	tab := seen.tab
	status := nextStatus(now, next, seen)
	if equality.Semantic.DeepEqual(tab.Status, status) {
		return nil
	}
	before := tab.DeepCopy()
	tab.Status = status
	if err := r.Client.Status().Patch(ctx, tab, write.Locked(before)); err != nil {
		return write.Stale("writing the status", err)
	}
	changes := changesBetween(&before.Status, &status, next, seen)
	for _, e := range changes {
		r.Recorder.Eventf(tab, nil, e.kind, e.reason, e.action, "%s", e.note)
	}
	measure(&before.Status, &status, seen)
	return nil
}

// nextStatus computes a CronTab's status.
func nextStatus(now time.Time, next plan, seen *snapshot) v1.CronTabStatus {
	if next.step == stepNone && seen.hasty(now) > 0 {
		return seen.tab.Status
	}
	status := seen.settled(now)
	switch next.step {
	case stepRecord:
		status.Next = &v1.ScheduledRun{
			ScheduledTime: ptr.To(metav1.NewTime(next.run.Scheduled.UTC())), Name: next.at.Name, UID: next.at.UID,
		}
		if next.missed > 0 {
			settle(&status, next.run.Scheduled.Add(-time.Second))
			addMissed(&status, next.missed)
		}
	case stepClear:
		status.Next = nil
		return status
	case stepSkip:
		settle(&status, status.Next.ScheduledTime.Time)
		status.Next = nil
		addMissed(&status, 1)
	case stepSettle:
		settle(&status, next.run.Scheduled)
		status.LastScheduleTime = ptr.To(next.at.DueTime())
	case stepRecordRequest:
		status.Requested = &v1.RequestedRun{Request: requestOf(seen.tab), Name: next.at.Name, UID: next.at.UID}
	case stepTaken:
		status.LastRequest = requestOf(seen.tab)
	case stepNone:
		if next.missed > 0 { // and no other one comes
			seen.settleUntil(&status, now)
			addMissed(&status, next.missed)
		}
	}
	summarize(now, seen, &status)
	return status
}

func addMissed(status *v1.CronTabStatus, missed int) {
	status.MissedRuns = ptr.To(ptr.Deref(status.MissedRuns, 0) + int64(missed))
}

// summarize reports the runs and the conditions.
func summarize(now time.Time, seen *snapshot, status *v1.CronTabStatus) {
	tab := seen.tab
	status.ObservedGeneration = tab.Generation
	status.Selector = labelCronTab + "=" + tab.Name
	status.NextScheduleTime = nil
	var upcoming *cnatv1.At
	if status.Next != nil {
		upcoming = seen.recorded(status.Next.Name, status.Next.UID)
	}
	if run, _, found := wanted(now, seen, status); upcoming != nil {
		status.NextScheduleTime = ptr.To(upcoming.DueTime())
	} else if found {
		status.NextScheduleTime = ptr.To(metav1.NewTime(run.At.UTC()))
	}
	replicas := int32(0)
	status.Active = nil
	for _, at := range seen.active(status.Next) {
		if len(status.Active) < maxActive {
			status.Active = append(status.Active, at.Name)
		}
		replicas += max(1, at.Spec.Replicas)
	}
	slices.Sort(status.Active)
	status.Replicas = &replicas
	for _, at := range seen.ats {
		ended := at.Status.CompletionTime
		if at.Status.Phase == cnatv1.AtSucceeded && ended != nil &&
			(status.LastSuccessfulTime == nil || status.LastSuccessfulTime.Before(ended)) {
			status.LastSuccessfulTime = ended
		}
	}
	setConditions(now, seen, status, upcoming)
}

// setConditions reports by kstatus' rules: Ready while all is as it should be, Stalled while a user must act.
func setConditions(now time.Time, seen *snapshot, status *v1.CronTabStatus, upcoming *cnatv1.At) {
	suspended := ptr.Deref(seen.tab.Spec.Suspend, false)
	ready, reason, message := true, v1.ReasonScheduled, ""
	stalled := stalledBy(seen, status, upcoming)
	switch {
	case seen.tab.DeletionTimestamp != nil:
		ready, reason, message, stalled = false, v1.ReasonDeleting, "nothing more is started", nil
	case stalled != nil:
		ready, reason, message = false, stalled.reason, stalled.message
	case suspended:
		reason, message = v1.ReasonSuspended, "no run is scheduled while spec.suspend is true"
	case status.NextScheduleTime == nil:
		reason, message = v1.ReasonEnded, "no more times come by spec.notAfter and spec.excludeDates"
	}
	set := func(conditionType string, holds bool, reason, message string) {
		value := metav1.ConditionFalse
		if holds {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: conditionType, Status: value, ObservedGeneration: status.ObservedGeneration,
			LastTransitionTime: metav1.NewTime(now), Reason: reason, Message: message,
		})
	}
	set(v1.ConditionReady, ready, reason, message)
	if stalled != nil {
		set(v1.ConditionStalled, true, reason, message)
	} else {
		set(v1.ConditionStalled, false, reason, "")
	}
	set(v1.ConditionSuspended, suspended, reason, "")
}

// stalledBy is what keeps runs from starting until a user acts; nil: nothing does.
func stalledBy(seen *snapshot, status *v1.CronTabStatus, upcoming *cnatv1.At) *refusal {
	switch {
	case seen.invalid != nil:
		return &refusal{v1.ReasonInvalidSchedule, text.Bounded(seen.invalid.Error(), maxMessage)}
	case seen.refusal != nil:
		return &refusal{seen.refusal.reason, text.Bounded(seen.refusal.message, maxMessage)}
	}
	last := upcoming
	for _, at := range seen.active(status.Next) {
		if last == upcoming || at.DueTime().After(last.DueTime().Time) {
			last = at
		}
	}
	for _, at := range []*cnatv1.At{upcoming, last} {
		if at == nil || at.Status.Finished() {
			continue
		}
		condition := meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionStalled)
		if condition != nil && condition.Status == metav1.ConditionTrue {
			return &refusal{condition.Reason, text.Bounded(fmt.Sprintf("At %s: %s", at.Name, condition.Message), maxMessage)}
		}
	}
	return nil
}
