package at

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/text"
)

// maxNote bounds an event's note, in bytes: the API server refuses more than 1 KiB.
const maxNote = 1024

// notice is an event to be sent about an At.
type notice struct{ kind, reason, action, note string }

// eventsBetween are the events about the change from one status to the
// next: each step of an At has one, once. Of a run whose containers are over there
// will be one when its Job is.
func eventsBetween(old, next *cnatv1.AtStatus, over bool) []notice {
	var events []notice
	if old.Phase == "" {
		events = append(events, notice{
			corev1.EventTypeNormal, "Scheduled", "Schedule",
			"due at " + next.ScheduledTime.UTC().Format(time.RFC3339),
		})
	}
	if old.StartTime == nil && next.StartTime != nil {
		events = append(events, notice{
			corev1.EventTypeNormal, "Started", "Run",
			fmt.Sprintf("Job %s started its container", next.JobName),
		})
	}
	stalled := meta.FindStatusCondition(next.Conditions, cnatv1.ConditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue && !next.Finished() {
		before := meta.FindStatusCondition(old.Conditions, cnatv1.ConditionStalled)
		if before == nil || before.Status != stalled.Status || before.Reason != stalled.Reason {
			events = append(events, notice{corev1.EventTypeWarning, stalled.Reason, "Run", text.Bounded(stalled.Message, maxNote)})
		}
	}
	if isTrue(next, cnatv1.ConditionSuspended) && !isTrue(old, cnatv1.ConditionSuspended) {
		message := cmp.Or(next.Message, "does not start while spec.suspend is true")
		events = append(events, notice{corev1.EventTypeNormal, next.Reason, "Schedule", text.Bounded(message, maxNote)})
	}
	ending := over && next.Reason != cnatv1.ReasonRetrying
	if next.Phase == cnatv1.AtRunning && !ending && next.Reason != "" && next.Reason != old.Reason &&
		!isTrue(next, cnatv1.ConditionStalled) && !isTrue(next, cnatv1.ConditionSuspended) {
		events = append(events, notice{corev1.EventTypeWarning, next.Reason, "Run", text.Bounded(next.Message, maxNote)})
	}
	if next.Phase != old.Phase {
		switch next.Phase {
		case cnatv1.AtSucceeded:
			events = append(events, notice{
				corev1.EventTypeNormal, "Succeeded", "Finish",
				fmt.Sprintf("Job %s succeeded", next.JobName),
			})
		case cnatv1.AtCancelled:
			events = append(events, notice{corev1.EventTypeNormal, "Cancelled", "Finish", text.Bounded(next.Message, maxNote)})
		case cnatv1.AtMissed:
			events = append(events, notice{corev1.EventTypeWarning, "Missed", "Finish", text.Bounded(next.Message, maxNote)})
		case cnatv1.AtFailed:
			events = append(events, notice{
				corev1.EventTypeWarning, "Failed", "Finish",
				text.Bounded(sentences(next.Reason, next.Message), maxNote),
			})
		}
	}
	return events
}

func isTrue(status *cnatv1.AtStatus, condition string) bool {
	return meta.IsStatusConditionTrue(status.Conditions, condition)
}
