package v1

// Condition types of an At. As for a Job, Complete or Failed says that it is over.
const (
	// ConditionComplete is True once the run has succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is True once the run has failed, was cancelled or missed.
	ConditionFailed = "Failed"
	// ConditionSuspended is True while spec.suspend, or somebody who holds back
	// its pod, keeps the run from starting.
	ConditionSuspended = "Suspended"
	// ConditionStalled is True while the run is held up by something that
	// requires user action, after which it goes on by itself; and once it has
	// failed or was missed, for it is not tried again.
	ConditionStalled = "Stalled"
	// ConditionReconciling is there, and True, while the run is in progress:
	// from its start to its end, unless it is Stalled.
	ConditionReconciling = "Reconciling"
)

// Reasons of an At's conditions, and of its status. Where Kubernetes gives a
// reason of its own for the end of a container or pod, as OOMKilled, Evicted,
// OutOfcpu or PreemptionByScheduler, that is the reason instead.
const (
	// ReasonScheduled: the At waits for its time.
	ReasonScheduled = "Scheduled"
	// ReasonRunning: the At's Job exists and has not finished.
	ReasonRunning = "Running"
	// ReasonSucceeded: all containers ended with exit code 0.
	ReasonSucceeded = "Succeeded"
	// ReasonContainerFailed: a container ended with another exit code than 0.
	ReasonContainerFailed = "ContainerFailed"
	// ReasonPodFailed: the pod failed, and no reason of a container is known.
	ReasonPodFailed = "PodFailed"
	// ReasonRetrying: an attempt failed, and another one follows (backoffLimit).
	ReasonRetrying = "Retrying"
	// ReasonSidecarFailed: a sidecar fails and is restarted while the run goes on.
	ReasonSidecarFailed = "SidecarFailed"
	// ReasonJobFailed: the Job failed, and nothing is known of its pod, as when
	// that was deleted.
	ReasonJobFailed = "JobFailed"
	// ReasonJobDeleted: the Job was deleted before its end was seen. The At does
	// not run again, since the containers may have run already.
	ReasonJobDeleted = "JobDeleted"
	// ReasonDeadlineExceeded: the run was not over within activeDeadlineSeconds.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonPendingDeadlineExceeded: no container started within
	// pendingDeadlineSeconds; the message says what it waited for.
	ReasonPendingDeadlineExceeded = "PendingDeadlineExceeded"
	// ReasonStartingDeadlineExceeded: the run could not be started within
	// startingDeadlineSeconds of its time.
	ReasonStartingDeadlineExceeded = "StartingDeadlineExceeded"
	// ReasonCancelled: spec.cancel was set.
	ReasonCancelled = "Cancelled"
	// ReasonSchedulingGated: the pod has scheduling gates; the message has
	// Kubernetes' words.
	ReasonSchedulingGated = "SchedulingGated"
	// ReasonSuspended: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonJobRefused: the API server refused the Job; the message has its words.
	ReasonJobRefused = "JobRefused"
	// ReasonPodRefused: the API server refuses the Job's pod, as by a quota, a
	// LimitRange, Pod Security, a policy, or for a ServiceAccount or PriorityClass
	// that does not exist; the message has its words.
	ReasonPodRefused = "PodRefused"
	// ReasonNameConflict: an object that is not the At's has the Job's name.
	ReasonNameConflict = "NameConflict"
	// ReasonPodNotStarting: the kubelet can't start a container, as when its
	// image can't be pulled or a volume not be mounted; the message has its words.
	ReasonPodNotStarting = "PodNotStarting"
	// ReasonPodUnschedulable: no node takes the pod; the message says why.
	ReasonPodUnschedulable = "PodUnschedulable"
)
