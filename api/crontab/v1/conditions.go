package v1

// The conditions of a CronTab.
const (
	// ConditionReady is True while runs start at their times, or none is to start.
	ConditionReady = "Ready"
	// ConditionStalled is True while something requires user action before runs can start.
	ConditionStalled = "Stalled"
	// ConditionSuspended is True while spec.suspend keeps runs from starting.
	ConditionSuspended = "Suspended"
)

// The reasons of these conditions, besides those of the Ats that they are about.
const (
	// ReasonScheduled: the next run's At exists, and starts it at its time.
	ReasonScheduled = "Scheduled"
	// ReasonSuspended: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonEnded: no more runs come, by notAfter.
	ReasonEnded = "Ended"
	// ReasonDeleting: the CronTab is being deleted, and something else's finalizer holds it.
	ReasonDeleting = "Deleting"
	// ReasonInvalidSchedule: cronSpec, timeZone or excludeDates can't be read; the message says which and why.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonNameConflict: an At that is not the CronTab's has the name of its next run.
	ReasonNameConflict = "NameConflict"
	// ReasonRunRefused: the API server refused the next run's At; the message has its words.
	ReasonRunRefused = "RunRefused"
)
