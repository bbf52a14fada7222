package at

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// newPod is a pod with the container "command" in the first state, and further
// ones in the others.
func newPod(states ...corev1.ContainerState) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}}
	for i, state := range states {
		status := corev1.ContainerStatus{Name: []string{"command", "second", "third"}[i], State: state}
		if state.Terminated != nil {
			status.ContainerID = state.Terminated.ContainerID
		}
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: status.Name})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status)
	}
	return pod
}

// hasRun makes an At one whose container was seen to start.
func hasRun(at *cnatv1.At) {
	at.Status.Phase, at.Status.StartTime = cnatv1.AtRunning, ptr.To(metav1.NewTime(due.Add(time.Second)))
}

func retries(limit int32) func(*batchv1.Job) {
	return func(job *batchv1.Job) { job.Spec.BackoffLimit = &limit }
}

// lostByKubelet is the state of a container of which the kubelet does not know
// how it ended. One that was never created has no ID.
func lostByKubelet(id string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: reasonStatusUnknown, ExitCode: 137, ContainerID: id,
		Message: "The container could not be located when the pod was terminated",
	}}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(due.Add(time.Second))}}
}

func ended(exitCode int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		StartedAt:  metav1.NewTime(due.Add(time.Second)),
		FinishedAt: metav1.NewTime(due.Add(2 * time.Second)),
		ExitCode:   exitCode,
		Message:    message,
	}}
}

// with puts a condition that holds into a Job.
func with(conditionType batchv1.JobConditionType, message string) func(*batchv1.Job) {
	return func(job *batchv1.Job) {
		job.Status.Conditions = append(job.Status.Conditions,
			batchv1.JobCondition{Type: conditionType, Status: corev1.ConditionTrue, Message: message})
	}
}

// stoppedByDeadline makes a Job one that the operator stopped.
func stoppedByDeadline(job *batchv1.Job) {
	job.Spec.ActiveDeadlineSeconds = ptr.To[int64](1)
	endedByDeadline(job)
}

func activeDeadline(seconds int64) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.Spec.ActiveDeadlineSeconds = seconds }
}

// endedByDeadline makes a Job one that failed by its deadline.
func endedByDeadline(job *batchv1.Job) {
	with(batchv1.JobFailed, "Job was active longer than specified deadline")(job)
	job.Status.Conditions[0].Reason = batchv1.JobReasonDeadlineExceeded
}

// unscheduled is a pod that has no node.
func unscheduled(reason, message string) *corev1.Pod {
	pod := newPod(corev1.ContainerState{})
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
	return pod
}

// evictedEarly is a pod that ended before a container started.
func evictedEarly() *corev1.Pod {
	pod := newPod(waiting("ContainerCreating", ""))
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, "Evicted", "no disk"
	return pod
}

// noted makes an At one whose status says what is wrong in a run that goes on.
func noted(reason, message string) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		at.Status.ObservedGeneration = at.Generation
		note(&at.Status, observation{now: due}, &stall{reason, message})
	}
}

// heldUp makes an At one whose status says that its image can't be pulled.
func heldUp(at *cnatv1.At) {
	at.Status.ObservedGeneration = at.Generation
	proceed(&at.Status, observation{now: due}, cnatv1.ReasonRunning,
		&stall{cnatv1.ReasonPodNotStarting, "ErrImagePull: not found"})
}

func TestNextStatus(t *testing.T) {
	tests := map[string]struct {
		at   *cnatv1.At
		seen observation
		pod  *corev1.Pod

		phase     cnatv1.AtPhase
		holds     string // the condition that is True, if any
		reason    string // its reason, or that of Complete
		message   string
		whole     bool // it is all of the message
		started   bool
		completed bool
		exitCode  *int32
		retries   int32
		events    string // the reasons
	}{
		"waits": {
			at: newAt(), seen: observation{step: stepWait},
			phase: cnatv1.AtPending, reason: cnatv1.ReasonScheduled, events: "Scheduled",
		},
		"refused": {
			at: newAt(inPhase(cnatv1.AtPending)), seen: observation{step: stepRefused, refusal: &refusal{reason: cnatv1.ReasonJobRefused, message: "exceeded quota"}},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionStalled, reason: cnatv1.ReasonJobRefused,
			message: "exceeded quota", events: "JobRefused",
		},
		"conflict": {
			at: newAt(inPhase(cnatv1.AtPending)), seen: observation{step: stepRefused, refusal: &refusal{reason: cnatv1.ReasonNameConflict, message: "does not own"}},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionStalled, reason: cnatv1.ReasonNameConflict,
			message: "does not own", events: "NameConflict",
		},
		"no pod yet": {
			at: newAt(), seen: observation{step: stepObserve, job: jobOf(newAt())},
			phase: cnatv1.AtPending, reason: cnatv1.ReasonRunning, events: "Scheduled",
		},
		"container creating": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod:   newPod(waiting("ContainerCreating", "")),
			phase: cnatv1.AtPending, reason: cnatv1.ReasonRunning,
		},
		"image can't be pulled": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod:   newPod(waiting("ErrImagePull", "not found")),
			phase: cnatv1.AtPending, holds: cnatv1.ConditionStalled, reason: cnatv1.ReasonPodNotStarting,
			message: "container command: ErrImagePull: not found", events: "PodNotStarting",
		},
		"running": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())}, pod: newPod(running()),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, events: "Started",
		},
		"no scheduler can place its pod": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod:   unscheduled(corev1.PodReasonSchedulerError, "plugin volumes failed"),
			phase: cnatv1.AtPending, holds: cnatv1.ConditionStalled, reason: cnatv1.ReasonPodUnschedulable,
			message: "plugin volumes failed", events: "PodUnschedulable",
		},
		"evicted before a container started, the Job not yet": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod:   evictedEarly(),
			phase: cnatv1.AtPending, reason: cnatv1.ReasonRunning, message: "Evicted: no disk",
		},
		"evicted before a container started, its pod was deleted, and its Job failed": {
			at:    newAt(startedAs("job-uid"), noted("Evicted", "Evicted: no disk")),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: "Evicted",
			message: "Evicted: no disk", whole: true, completed: true, events: "Failed",
		},
		"its container failed, the Job not yet: there is one event, when it has": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())}, pod: newPod(ended(3, "no disk")),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, message: "container command failed with exit code 3: no disk",
			started: true, exitCode: ptr.To[int32](3), events: "Started",
		},
		"its container failed, its pod was deleted, and its Job failed": {
			at:    newAt(startedAs("job-uid"), hasRun, noted(cnatv1.ReasonContainerFailed, "container command failed")),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonContainerFailed,
			message: "container command failed", whole: true, started: true, completed: true, events: "Failed",
		},
		"its Job was suspended by hand before a container started": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt(), suspendedByHand)},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionSuspended, reason: cnatv1.ReasonSuspended,
			message: "its Job is suspended; once resumed, it runs", whole: true, events: "Suspended",
		},
		"its Job was suspended by hand, and failed": {
			at: newAt(startedAs("job-uid"), hasRun, func(at *cnatv1.At) {
				at.Status.ObservedGeneration = at.Generation
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonSuspended, nil)
			}),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobFailed,
			message: "backoff: its pod was deleted", started: true, completed: true, events: "Failed",
		},
		"ended, the Job not yet": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())}, pod: newPod(ended(0, "")),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, exitCode: ptr.To[int32](0), events: "Started",
		},
		"succeeded, all seen at once": {
			at: newAt(), seen: observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobComplete, ""))}, pod: newPod(ended(0, "fine")),
			phase: cnatv1.AtSucceeded, holds: cnatv1.ConditionComplete, reason: cnatv1.ReasonSucceeded,
			message: "fine", started: true, completed: true, exitCode: ptr.To[int32](0), events: "Scheduled Started Succeeded",
		},
		"failed": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			pod:   newPod(ended(3, "no such file")),
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonContainerFailed,
			message: "container command failed with exit code 3: no such file",
			started: true, completed: true, exitCode: ptr.To[int32](3), events: "Started Failed",
		},
		"failed, its pod deleted": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobFailed,
			message: "backoff: its pod was deleted", completed: true, events: "Failed",
		},
		"suspended": {
			at: newAt(inPhase(cnatv1.AtPending), suspended), seen: observation{step: stepSuspend},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionSuspended, reason: cnatv1.ReasonSuspended,
			events: "Suspended",
		},
		"cancelled before it started": {
			at: newAt(inPhase(cnatv1.AtPending), cancelled), seen: observation{step: stepCancel},
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "before it started", completed: true, events: "Cancelled",
		},
		"cancelled while it ran": {
			at:    newAt(startedAs("job-uid"), cancelled),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), stoppedByDeadline)},
			pod:   newPod(ended(143, "terminated")),
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "while it ran", started: true, completed: true, exitCode: ptr.To[int32](143), events: "Started Cancelled",
		},
		"cancelled too late: it had failed by itself": {
			at:    newAt(startedAs("job-uid"), cancelled),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), with(batchv1.JobFailed, "backoff"))},
			pod:   newPod(ended(3, "no such file")),
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonContainerFailed,
			message: "no such file", started: true, completed: true, exitCode: ptr.To[int32](3), events: "Started Failed",
		},
		"missed": {
			at: newAt(inPhase(cnatv1.AtPending), startingDeadline(60)), seen: observation{step: stepMiss},
			phase: cnatv1.AtMissed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonStartingDeadlineExceeded,
			message: "not started within startingDeadlineSeconds (60 s) of 2027-07-03T02:00:00Z", completed: true, events: "Missed",
		},
		"ran too long": {
			at:    newAt(startedAs("job-uid"), activeDeadline(90)),
			seen:  observation{step: stepObserve, job: jobOf(newAt(activeDeadline(90)), endedByDeadline)},
			pod:   newPod(ended(143, "")),
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonDeadlineExceeded,
			message: "ran longer than activeDeadlineSeconds (90 s): container command failed with exit code 143 (SIGTERM)", started: true, completed: true, exitCode: ptr.To[int32](143), events: "Started Failed",
		},
		"being stopped: what held it up stays reported": {
			at: newAt(startedAs("job-uid"), pendingDeadline(60), heldUp), seen: observation{step: stepStop, job: jobOf(newAt())},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionStalled, reason: cnatv1.ReasonPodNotStarting,
			message: "ErrImagePull: not found",
		},
		"waited too long for its image": {
			at:    newAt(startedAs("job-uid"), pendingDeadline(60), heldUp),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), stoppedByDeadline)},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonPendingDeadlineExceeded,
			message: "no container started within pendingDeadlineSeconds (60 s): ErrImagePull: not found", completed: true, events: "Failed",
		},
		"cancelled before its image was pulled": {
			at:    newAt(startedAs("job-uid"), cancelled, heldUp),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), stoppedByDeadline)},
			pod:   newPod(lostByKubelet("")),
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "cancelled before a container started: ErrImagePull: not found", completed: true, events: "Cancelled",
		},
		"cancelled, and the kubelet lost sight of its container": {
			at:    newAt(startedAs("job-uid"), cancelled),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), stoppedByDeadline)},
			pod:   newPod(lostByKubelet("containerd://1")),
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "whether a container started is not known", completed: true, events: "Cancelled",
		},
		"activeDeadlineSeconds passed first, with pendingDeadlineSeconds set": {
			at:    newAt(startedAs("job-uid"), pendingDeadline(600), activeDeadline(15), heldUp),
			seen:  observation{step: stepObserve, job: jobOf(newAt(activeDeadline(15)), endedByDeadline)},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonDeadlineExceeded,
			message: "no container started within activeDeadlineSeconds (15 s): ErrImagePull: not found", completed: true, events: "Failed",
		},
		"deadline passed before the cancel": {
			at:    newAt(startedAs("job-uid"), cancelled, activeDeadline(15)),
			seen:  observation{step: stepObserve, job: jobOf(newAt(activeDeadline(15)), endedByDeadline)},
			pod:   newPod(ended(143, "")),
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonDeadlineExceeded,
			message: "ran longer than activeDeadlineSeconds (15 s)", started: true, completed: true, exitCode: ptr.To[int32](143), events: "Started Failed",
		},
		"one of two failed": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod:   newPod(ended(4, "disk full"), running()),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, exitCode: ptr.To[int32](4),
			message: "container command failed with exit code 4, second still runs: disk full", events: "Started ContainerFailed",
		},
		"one of two failed, then the deadline passed": {
			at: newAt(startedAs("job-uid"), activeDeadline(90), hasRun, func(at *cnatv1.At) {
				at.Status.ExitCode = ptr.To[int32](4)
				note(&at.Status, observation{now: due}, &stall{cnatv1.ReasonContainerFailed, "container command failed with exit code 4: disk full"})
			}),
			seen:  observation{step: stepObserve, job: jobOf(newAt(activeDeadline(90)), endedByDeadline)},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonDeadlineExceeded,
			message: "activeDeadlineSeconds (90 s): container command failed with exit code 4: disk full",
			started: true, completed: true, exitCode: ptr.To[int32](4), events: "Failed",
		},
		"an attempt failed, another follows": {
			at: newAt(startedAs("job-uid"), hasRun), seen: observation{step: stepObserve, job: jobOf(newAt(), retries(2))},
			pod:   newPod(ended(1, "no route")),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true,
			message: "it is tried again: container command failed with exit code 1: no route", events: "Retrying",
		},
		"the next attempt runs": {
			at: newAt(startedAs("job-uid"), hasRun, func(at *cnatv1.At) { at.Status.ExitCode = ptr.To[int32](1) }),
			seen: observation{step: stepObserve, job: jobOf(newAt(), retries(2), func(job *batchv1.Job) {
				job.Status.Failed, job.Status.Active = 1, 1
			})},
			pod:   newPod(running()),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, retries: 1,
		},
		"what is read of its pod is older than what was reported": {
			at:    newAt(startedAs("job-uid"), hasRun, func(at *cnatv1.At) { at.Status.ExitCode = ptr.To[int32](0) }),
			seen:  observation{step: stepObserve, job: jobOf(newAt())},
			pod:   newPod(running()),
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, exitCode: ptr.To[int32](0),
		},
		"what is read of its Job is older than its start": {
			at: newAt(startedAs("job-uid"), hasRun, func(at *cnatv1.At) { at.Status.ExitCode = ptr.To[int32](0) }),
			seen: observation{step: stepObserve, job: jobOf(newAt(), suspendedByHand, func(job *batchv1.Job) {
				delete(job.Annotations, startedAtAnnotation)
			})},
			phase: cnatv1.AtRunning, reason: cnatv1.ReasonRunning, started: true, exitCode: ptr.To[int32](0),
		},
		"suspended by hand, and it will run again": {
			at: newAt(startedAs("job-uid"), hasRun, func(at *cnatv1.At) { at.Status.ExitCode = ptr.To[int32](143) }),
			seen: observation{step: stepObserve, job: jobOf(newAt(), func(job *batchv1.Job) {
				job.Spec.Suspend = ptr.To(true)
			})},
			phase: cnatv1.AtRunning, holds: cnatv1.ConditionSuspended, reason: cnatv1.ReasonSuspended, started: true,
			message: "its Job is suspended; once resumed, its containers run again", events: "Suspended",
		},
		"succeeded, and only a failed attempt's pod is left": {
			at: newAt(startedAs("job-uid"), hasRun), seen: observation{step: stepObserve, job: jobOf(newAt(), retries(2), with(batchv1.JobComplete, ""), func(job *batchv1.Job) {
				job.Status.Failed, job.Status.Succeeded = 1, 1
			})},
			pod:   newPod(ended(1, "no route")),
			phase: cnatv1.AtSucceeded, holds: cnatv1.ConditionComplete, reason: cnatv1.ReasonSucceeded,
			started: true, completed: true, exitCode: ptr.To[int32](0), retries: 1, events: "Succeeded",
		},
		"gated": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepObserve, job: jobOf(newAt())},
			pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated, Message: "non-empty scheduling gates",
			}}}},
			phase: cnatv1.AtPending, holds: cnatv1.ConditionSuspended, reason: cnatv1.ReasonSchedulingGated,
			message: "non-empty scheduling gates", events: "SchedulingGated",
		},
		"lost, and its pod left behind": {
			at: newAt(startedAs("job-uid"), hasRun), seen: observation{step: stepLost}, pod: newPod(running()),
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobDeleted,
			message: "its pod pod was left behind, and may run on", started: true, completed: true, events: "Failed",
		},
		"lost, after its start was seen": {
			at: newAt(startedAs("job-uid"), hasRun), seen: observation{step: stepLost},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobDeleted,
			message: "before its end was seen, and an At does not run twice: it had started, and may have run to its end", started: true, completed: true, events: "Failed",
		},
		"its pod was refused until the deadline: no hint at what would go on": {
			at: newAt(startedAs("job-uid"), pendingDeadline(60), func(at *cnatv1.At) {
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonRunning,
					&stall{cnatv1.ReasonPodRefused, "exceeded quota: q" + hintOfRefusedPod})
			}),
			seen:  observation{step: stepObserve, job: jobOf(newAt(), stoppedByDeadline)},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonPendingDeadlineExceeded,
			message: "no container started within pendingDeadlineSeconds (60 s): exceeded quota: q", whole: true, completed: true, events: "Failed",
		},
		"cancelled while somebody had suspended its Job": {
			at: newAt(startedAs("job-uid"), cancelled, func(at *cnatv1.At) {
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonSuspended, nil)
			}), seen: observation{step: stepLost},
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "cancelled while its Job was suspended: no container was seen to start", whole: true, completed: true, events: "Cancelled",
		},
		"waited too long while somebody had suspended its Job": {
			at: newAt(startedAs("job-uid"), pendingDeadline(3), func(at *cnatv1.At) {
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonSuspended, nil)
				at.Status.StartLatency = &metav1.Duration{}
			}), seen: observation{step: stepLost},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonPendingDeadlineExceeded,
			message: "no container started within pendingDeadlineSeconds (3 s), in which its Job was suspended", whole: true,
			completed: true, events: "Failed",
		},
		"suspended by somebody, and its Job was deleted before a deadline": {
			at: newAt(startedAs("job-uid"), pendingDeadline(4), func(at *cnatv1.At) {
				proceed(&at.Status, observation{now: due}, cnatv1.ReasonSuspended, nil)
				at.Status.StartLatency = &metav1.Duration{}
			}), seen: observation{step: stepLost},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobDeleted,
			message: "was deleted before its end was seen", completed: true, events: "Failed",
		},
		"cancelled while it ran, and its Job was deleted": {
			at: newAt(startedAs("job-uid"), cancelled, hasRun), seen: observation{step: stepLost},
			phase: cnatv1.AtCancelled, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonCancelled,
			message: "was deleted before its end was seen: it had started, and may have run to its end",
			started: true, completed: true, events: "Cancelled",
		},
		"lost": {
			at: newAt(startedAs("job-uid")), seen: observation{step: stepLost},
			phase: cnatv1.AtFailed, holds: cnatv1.ConditionFailed, reason: cnatv1.ReasonJobDeleted,
			message: "does not run twice: no container was seen to start", completed: true, events: "Failed",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.seen.now = due.Add(3 * time.Second)
			if test.pod != nil {
				test.seen.run = observeRun([]corev1.Pod{*test.pod})
			}
			got := nextStatus(test.at, test.seen)

			if got.Phase != test.phase {
				t.Errorf("phase is %q, want %q", got.Phase, test.phase)
			}
			for _, c := range []string{cnatv1.ConditionComplete, cnatv1.ConditionFailed, cnatv1.ConditionSuspended, cnatv1.ConditionStalled} {
				want := c == test.holds
				if got.Phase == cnatv1.AtFailed || got.Phase == cnatv1.AtMissed {
					want = want || c == cnatv1.ConditionStalled
				}
				if meta.IsStatusConditionTrue(got.Conditions, c) != want {
					t.Errorf("condition %s: want %q to hold, got %+v", c, test.holds, got.Conditions)
				}
			}
			of := test.holds
			if of == "" {
				of = cnatv1.ConditionComplete
			}
			condition := meta.FindStatusCondition(got.Conditions, of)
			if condition.Reason != test.reason || condition.ObservedGeneration != 1 {
				t.Errorf("got %+v, want reason %q", condition, test.reason)
			}
			if !strings.Contains(got.Message, test.message) || (test.message == "" || test.whole) && got.Message != test.message {
				t.Errorf("message is %q, want %q", got.Message, test.message)
			}
			if (got.StartTime != nil) != test.started || (got.CompletionTime != nil) != test.completed {
				t.Errorf("started %v, completed %v", got.StartTime, got.CompletionTime)
			}
			if !ptr.Equal(got.ExitCode, test.exitCode) || ptr.Deref(got.Retries, 0) != test.retries {
				t.Errorf("exit code is %v after %d retries", got.ExitCode, ptr.Deref(got.Retries, 0))
			}
			if reasons := reasonsOf(eventsBetween(&test.at.Status, &got, test.seen.run.over)); reasons != test.events {
				t.Errorf("events are %q, want %q", reasons, test.events)
			}
			if again := reasonsOf(eventsBetween(&got, &got, test.seen.run.over)); again != "" {
				t.Errorf("without a change there are events %q", again)
			}
		})
	}
}

func reasonsOf(events []notice) string {
	var reasons []string
	for _, e := range events {
		reasons = append(reasons, e.reason)
	}
	return strings.Join(reasons, " ")
}

// A generation that is observed after the end is seen by kubectl wait, which
// believes no condition of an older one.
func TestStatusOfWhatIsOverFollowsTheSpec(t *testing.T) {
	at := newAt(startedAs("job-uid"))
	at.Status = nextStatus(at, observation{now: due, step: stepObserve, job: jobOf(at, with(batchv1.JobComplete, ""))})
	at.Generation = 7
	for _, step := range []step{stepNone, stepExpire, stepStop} {
		got := nextStatus(at, observation{now: due, step: step})
		if got.ObservedGeneration != 7 || got.Conditions[0].ObservedGeneration != 7 {
			t.Errorf("%s: generation 7 is not observed: %+v", step, got)
		}
	}
}

func TestStatusNeverGoesBack(t *testing.T) {
	at := newAt(startedAs("job-uid"))
	at.Status = nextStatus(at, observation{
		now: due, step: stepObserve, job: jobOf(at),
		run: observeRun([]corev1.Pod{*newPod(running())}),
	})
	got := nextStatus(at, observation{now: due, step: stepObserve, job: jobOf(at)}) // the pod is deleted
	if got.Phase != cnatv1.AtRunning || got.StartTime == nil {
		t.Errorf("was Running since %v, is %s since %v", at.Status.StartTime, got.Phase, got.StartTime)
	}
}
