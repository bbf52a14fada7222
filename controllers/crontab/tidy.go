package crontab

import (
	"slices"
	"strconv"
	"time"

	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
)

// strayAge is for how long an At that was asked for may be unrecorded.
const strayAge = 10 * time.Minute

// stray finds an At to delete that was created, and is not recorded: the operator ended in between, or what it was
// created for has changed. One of a later generation or time than this snapshot knows of is another leader's.
func stray(now time.Time, seen *snapshot, status *v1.CronTabStatus) plan {
	run, _, found := wanted(now, seen, status)
	for _, at := range seen.ats {
		if at.DeletionTimestamp != nil || over(at) || released(at) && !still(at) || isRecorded(status, at) {
			continue
		}
		unix, err := strconv.ParseInt(at.Labels[labelScheduled], 10, 64)
		if err != nil {
			if now.Sub(at.CreationTimestamp.Time) > strayAge {
				return plan{step: stepDelete, at: at}
			}
			continue
		}
		generation, _ := strconv.ParseInt(at.Labels[labelGeneration], 10, 64)
		earlier := !found || unix < run.Scheduled.Unix()
		outdated := generation < seen.tab.Generation && (earlier || unix != run.Scheduled.Unix() ||
			at.Labels[labelRevision] != seen.revision)
		if outdated || generation == seen.tab.Generation && (earlier || retracted(at)) {
			return plan{step: stepDelete, at: at}
		}
	}
	return plan{step: stepNone}
}

func isRecorded(status *v1.CronTabStatus, at *cnatv1.At) bool {
	return status.Next != nil && status.Next.UID == at.UID || status.Requested != nil && status.Requested.UID == at.UID
}

// history finds the oldest run to delete that is beyond the history limits.
func history(seen *snapshot, status *v1.CronTabStatus) plan {
	limits := map[bool]int{
		true:  int(ptr.Deref(seen.tab.Spec.SuccessfulRunsHistoryLimit, 3)),
		false: int(ptr.Deref(seen.tab.Spec.FailedRunsHistoryLimit, 1)),
	}
	over := slices.DeleteFunc(slices.Clone(seen.ats), func(at *cnatv1.At) bool {
		return !at.Status.Finished() || at.DeletionTimestamp != nil ||
			isRecorded(&seen.tab.Status, at) || isRecorded(status, at)
	})
	slices.SortFunc(over, func(a, b *cnatv1.At) int { return b.DueTime().Compare(a.DueTime().Time) })
	kept := map[bool]int{}
	for _, at := range over {
		succeeded := at.Status.Phase == cnatv1.AtSucceeded
		if kept[succeeded]++; kept[succeeded] > limits[succeeded] {
			return plan{step: stepDelete, at: at}
		}
	}
	return plan{step: stepNone}
}
