package crontab

import (
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

// asked reports whether a run is asked for that was not taken up.
func asked(seen *snapshot, status *v1.CronTabStatus) bool {
	request := requestOf(seen.tab)
	return status.Requested != nil || request != "" && request != status.LastRequest
}

// requested decides about a run that was asked for.
func requested(seen *snapshot, status *v1.CronTabStatus) plan {
	tab, request := seen.tab, requestOf(seen.tab)
	if tab.DeletionTimestamp != nil {
		return plan{step: stepNone}
	}
	if record := status.Requested; record != nil {
		at := seen.recorded(record.Name, record.UID)
		// It was recorded by what the cache had. A run that came first meanwhile has started, or is about to.
		if released(at) || at.DeletionTimestamp != nil || !concurrent(&tab.Spec) && !alone(seen, status) {
			return plan{step: stepNone}
		}
		return plan{step: stepRelease, at: at, run: schedule.Run{At: at.DueTime().Time}}
	}
	if !asked(seen, status) {
		return plan{step: stepNone}
	}
	at := seen.named(requestedAtName(tab, request))
	switch {
	case at != nil && over(at):
		return plan{step: stepTaken, at: at}
	case !concurrent(&tab.Spec) && !alone(seen, status):
		return plan{step: stepNone}
	case at == nil:
		return plan{step: stepRequest}
	case at.DeletionTimestamp != nil:
		return plan{step: stepNone}
	default:
		return plan{step: stepRecordRequest, at: at}
	}
}

// alone reports whether no run is active, and none about to start.
func alone(seen *snapshot, status *v1.CronTabStatus) bool {
	if next := status.Next; next != nil {
		if at := seen.recorded(next.Name, next.UID); released(at) && !still(at) {
			return false
		}
	}
	return len(seen.active(status.Next)) == 0
}
