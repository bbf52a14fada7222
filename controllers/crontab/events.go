package crontab

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/text"
)

// maxNote bounds an event's note, in bytes: the API server refuses more than 1 KiB.
const maxNote = 1024

// notice is an event to be sent about a CronTab.
type notice struct{ kind, reason, action, note string }

// changesBetween are the events about the change from one status to the next.
func changesBetween(old, next *v1.CronTabStatus, done plan, seen *snapshot) []notice {
	var events []notice
	add := func(kind, reason, action, format string, values ...any) {
		events = append(events, notice{kind, reason, action, text.Bounded(fmt.Sprintf(format, values...), maxNote)})
	}
	for _, name := range next.Active {
		if !slices.Contains(old.Active, name) {
			add(corev1.EventTypeNormal, "Started", "Run", "At %s has started", name)
		}
	}
	for _, at := range ended(old, next, seen) {
		kind := corev1.EventTypeWarning
		if at.Status.Phase == cnatv1.AtSucceeded || at.Status.Phase == cnatv1.AtCancelled {
			kind = corev1.EventTypeNormal
		}
		add(kind, string(at.Status.Phase), "Finish", "At %s: %s", at.Name, orSo(at.Status.Message, at.Status.Reason))
	}
	if missed := ptr.Deref(next.MissedRuns, 0) - ptr.Deref(old.MissedRuns, 0); done.step == stepSkip {
		add(corev1.EventTypeWarning, "Missed", "Schedule",
			"the run of %s was skipped: another one was active, it was too late, or the CronTab was suspended or its schedule changed",
			done.run.Scheduled.UTC().Format("2006-01-02T15:04:05Z"))
	} else if missed > 0 {
		add(corev1.EventTypeWarning, "Missed", "Schedule", "runs that could not be started in time: %d", missed)
	}
	if old.Next != nil && (next.Next == nil || next.Next.UID != old.Next.UID) &&
		seen.recorded(old.Next.Name, old.Next.UID) == nil && done.step != stepClear && done.step != stepSkip {
		add(corev1.EventTypeNormal, "Skipped", "Schedule", "At %s was deleted: its run is skipped", old.Next.Name)
	}
	before, after := condition(old, v1.ConditionStalled), condition(next, v1.ConditionStalled)
	if after.Status == metav1.ConditionTrue && (before.Status != after.Status || before.Reason != after.Reason) {
		add(corev1.EventTypeWarning, after.Reason, "Schedule", "%s", after.Message)
	}
	before, after = condition(old, v1.ConditionSuspended), condition(next, v1.ConditionSuspended)
	if after.Status == metav1.ConditionTrue && before.Status != after.Status {
		add(corev1.EventTypeNormal, v1.ReasonSuspended, "Schedule", "no run is scheduled while spec.suspend is true")
	}
	return events
}

// ended are the runs that a change of status reports no longer as upcoming or active, and that are over.
func ended(old, next *v1.CronTabStatus, seen *snapshot) []*cnatv1.At {
	var all []*cnatv1.At
	for _, at := range seen.ats {
		wasNext := old.Next != nil && old.Next.UID == at.UID && (next.Next == nil || next.Next.UID != at.UID)
		if (wasNext || slices.Contains(old.Active, at.Name)) && at.Status.Finished() {
			all = append(all, at)
		}
	}
	return all
}

func condition(status *v1.CronTabStatus, conditionType string) metav1.Condition {
	if found := meta.FindStatusCondition(status.Conditions, conditionType); found != nil {
		return *found
	}
	return metav1.Condition{Status: metav1.ConditionUnknown}
}

func orSo(message, reason string) string {
	if message != "" {
		return message
	}
	return reason
}
