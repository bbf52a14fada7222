package v1alpha1

// Condition types of an At. As for a Job, Complete or Failed says that it is over.
const (
	// ConditionComplete is True once the run has succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is True once the run has failed, was cancelled or missed.
	ConditionFailed = "Failed"
	// ConditionSuspended is True while spec.suspend keeps the run from starting.
	ConditionSuspended = "Suspended"
	// ConditionStalled is True while the run is held up by something that a
	// person must mend. The run goes on by itself after that.
	ConditionStalled = "Stalled"
)

// Reasons of an At's conditions.
const (
	// ReasonScheduled: the At waits for its time.
	ReasonScheduled = "Scheduled"
	// ReasonRunning: the At's Job exists and has not finished.
	ReasonRunning = "Running"
	// ReasonSucceeded: all containers ended with exit code 0.
	ReasonSucceeded = "Succeeded"
	// ReasonContainerFailed: a container ended with another exit code than 0.
	ReasonContainerFailed = "ContainerFailed"
	// ReasonJobFailed: the Job failed, and no container's exit code tells why,
	// as when its pod was deleted.
	ReasonJobFailed = "JobFailed"
	// ReasonJobDeleted: the Job was deleted before it finished. The At does not
	// run again, since the containers may have run already.
	ReasonJobDeleted = "JobDeleted"
	// ReasonDeadlineExceeded: the run took longer than activeDeadlineSeconds.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonPendingDeadlineExceeded: no container started within
	// pendingDeadlineSeconds; the message says what it waited for.
	ReasonPendingDeadlineExceeded = "PendingDeadlineExceeded"
	// ReasonStartingDeadlineExceeded: the run could not be started within
	// startingDeadlineSeconds of its time.
	ReasonStartingDeadlineExceeded = "StartingDeadlineExceeded"
	// ReasonCancelled: spec.cancel was set.
	ReasonCancelled = "Cancelled"
	// ReasonSuspended: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonJobRefused: the API server refused the Job; the message has its words.
	ReasonJobRefused = "JobRefused"
	// ReasonNameConflict: an object that is not the At's has the Job's name.
	ReasonNameConflict = "NameConflict"
	// ReasonPodNotStarting: the kubelet can't start a container, as when its
	// image can't be pulled; the message has its words.
	ReasonPodNotStarting = "PodNotStarting"
	// ReasonPodUnschedulable: no node takes the pod; the message says why.
	ReasonPodUnschedulable = "PodUnschedulable"
)
