package at

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// withInit adds an init container to a pod, or a sidecar.
func withInit(name string, sidecar bool, status corev1.ContainerStatus) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		spec := corev1.Container{Name: name}
		if sidecar {
			spec.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
		status.Name = name
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, spec)
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, status)
	}
}

// inState is a container status: its state, and its last termination if any.
func inState(state corev1.ContainerState, last ...corev1.ContainerState) corev1.ContainerStatus {
	status := corev1.ContainerStatus{State: state}
	for _, l := range last {
		status.LastTerminationState = l
	}
	return status
}

// failedBecause makes a pod one that Kubernetes ended.
func failedBecause(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, reason, message
	}
}

func disrupted(reason, message string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message,
		})
	}
}

// because gives an ended container Kubernetes' own reason.
func because(reason string, state corev1.ContainerState) corev1.ContainerState {
	state.Terminated.Reason = reason
	return state
}

// at is when an ended container ended, in seconds after the due time.
func endedAt(seconds int, state corev1.ContainerState) corev1.ContainerState {
	state.Terminated.FinishedAt = metav1.NewTime(due.Add(time.Duration(seconds) * time.Second))
	return state
}

// neverStarted makes an ended container one that could not be started.
func neverStarted(state corev1.ContainerState) corev1.ContainerState {
	state.Terminated.StartedAt = metav1.Unix(0, 0)
	return state
}

func TestObserveRun(t *testing.T) {
	tests := map[string]struct {
		pod     *corev1.Pod
		changes []func(*corev1.Pod)

		started  bool
		over     bool
		exitCode *int32
		failure  string // its reason and message
		trouble  string
		stalled  string
	}{
		"killed for its memory": {
			pod: newPod(because("OOMKilled", ended(137, "starting import"))), started: true, over: true, exitCode: ptr.To[int32](137),
			failure: "OOMKilled: container command failed with exit code 137 (SIGKILL), OOMKilled: starting import",
		},
		"evicted": {
			pod:     newPod(ended(137, "wrote")),
			changes: []func(*corev1.Pod){failedBecause("Evicted", "volume exceeds its limit"), disrupted("TerminationByKubelet", "evicted")},
			started: true, over: true, exitCode: ptr.To[int32](137),
			failure: "Evicted: Evicted: volume exceeds its limit: container command failed with exit code 137 (SIGKILL): wrote",
		},
		"rejected by the kubelet": {
			pod: newPod(waiting("ContainerCreating", "")), changes: []func(*corev1.Pod){failedBecause("OutOfcpu", "Node didn't have enough resource: cpu")},
			over: true, failure: "OutOfcpu: OutOfcpu: Node didn't have enough resource: cpu",
		},
		"longer than the pod's own deadline": {
			pod: newPod(waiting("", "")), changes: []func(*corev1.Pod){failedBecause("DeadlineExceeded", "Pod was active longer")},
			over: true, failure: "DeadlineExceeded: DeadlineExceeded: Pod was active longer",
		},
		"preempted": {
			pod: newPod(running()), changes: []func(*corev1.Pod){disrupted("PreemptionByScheduler", "preempted by web")},
			started: true, failure: "PreemptionByScheduler: PreemptionByScheduler: preempted by web",
		},
		"its node lost": {
			pod: newPod(lostByKubelet("containerd://1")), changes: []func(*corev1.Pod){failedBecause("", ""), disrupted("DeletionByPodGC", "node is gone")},
			over:    true,
			failure: "DeletionByPodGC: DeletionByPodGC: node is gone: how container command ended is not known: The container could not be located when the pod was terminated",
		},
		"failed, nobody says why": {
			pod: newPod(waiting("", "")), changes: []func(*corev1.Pod){failedBecause("", "")}, over: true, failure: "PodFailed: the pod failed",
		},
		"a reason that can't be a condition's": {
			pod: newPod(waiting("", "")), changes: []func(*corev1.Pod){failedBecause("out of luck", "no")}, over: true, failure: "PodFailed: out of luck: no",
		},
		"could not be started": {
			pod: newPod(because("StartError", neverStarted(ended(128, "no such file")))), over: true,
			failure: "StartError: container command could not be started, StartError: no such file",
		},
		"an init container failed": {
			pod:     newPod(waiting("PodInitializing", "")),
			changes: []func(*corev1.Pod){failedBecause("", ""), withInit("migrate", false, inState(ended(3, "no such table")))},
			started: true, over: true, exitCode: ptr.To[int32](3),
			failure: "ContainerFailed: init container migrate failed with exit code 3: no such table",
		},
		"an init container runs": {
			pod:     newPod(waiting("PodInitializing", "")),
			changes: []func(*corev1.Pod){withInit("migrate", false, inState(running()))}, started: true,
		},
		"only a sidecar runs": {
			pod:     newPod(waiting("ErrImagePull", "not found")),
			changes: []func(*corev1.Pod){withInit("proxy", true, inState(running()))},
			stalled: "PodNotStarting: container command: ErrImagePull: not found",
		},
		"a sidecar fails before the containers start": {
			pod:     newPod(waiting("PodInitializing", "")),
			changes: []func(*corev1.Pod){withInit("proxy", true, inState(waiting("CrashLoopBackOff", "back-off 10s"), ended(1, "no route")))},
			stalled: "PodNotStarting: sidecar proxy: CrashLoopBackOff: back-off 10s; sidecar proxy failed with exit code 1: no route",
		},
		"a sidecar fails beside a container that runs": {
			pod:     newPod(running()),
			changes: []func(*corev1.Pod){withInit("proxy", true, inState(waiting("CrashLoopBackOff", "back-off 10s"), ended(1, "no route")))},
			started: true, trouble: "SidecarFailed: sidecar proxy failed with exit code 1: no route",
		},
		"a sidecar is ended after the containers": {
			pod:     newPod(ended(0, "")),
			changes: []func(*corev1.Pod){withInit("proxy", true, inState(ended(137, "")))},
			started: true, over: true, exitCode: ptr.To[int32](0),
		},
		"one failed, two run": {
			pod: newPod(ended(4, "disk full"), running(), running()), started: true, exitCode: ptr.To[int32](4),
			failure: "ContainerFailed: container command failed with exit code 4, second and third still run: disk full",
		},
		"one failed, and then the node was lost, on which another ran": {
			pod: newPod(ended(4, "disk full"), running()), changes: []func(*corev1.Pod){failedBecause("NodeLost", "no answer")},
			started: true, over: true, exitCode: ptr.To[int32](4),
			failure: "NodeLost: NodeLost: no answer: container command failed with exit code 4: disk full",
		},
		"the first that failed counts": {
			pod:     newPod(endedAt(9, ended(143, "terminated")), endedAt(3, ended(4, "disk full")), endedAt(2, ended(0, "fine"))),
			started: true, over: true, exitCode: ptr.To[int32](4), failure: "ContainerFailed: container second failed with exit code 4: disk full",
		},
		"of two that failed at once, the first in the spec": {
			pod: newPod(ended(5, "a"), ended(4, "b")), started: true, over: true, exitCode: ptr.To[int32](5),
			failure: "ContainerFailed: container command failed with exit code 5: a",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, change := range test.changes {
				change(test.pod)
			}
			got := observeRun([]corev1.Pod{*test.pod})
			if (got.started != nil) != test.started || got.over != test.over || !ptr.Equal(got.exitCode, test.exitCode) {
				t.Errorf("started %v, over %t, exit code %v", got.started, got.over, got.exitCode)
			}
			for what, is := range map[string]struct {
				got  *stall
				want string
			}{"failure": {got.failure, test.failure}, "trouble": {got.trouble, test.trouble}, "stalled": {got.stalled, test.stalled}} {
				text := ""
				if is.got != nil {
					text = is.got.reason + ": " + is.got.message
				}
				if text != is.want {
					t.Errorf("%s is\n%q, want\n%q", what, text, is.want)
				}
			}
		})
	}
}

// Of several attempts the newest counts, but a start is never forgotten.
func TestObserveRunOfAttempts(t *testing.T) {
	first, second := newPod(ended(1, "no route")), newPod(waiting("ContainerCreating", ""))
	second.CreationTimestamp = metav1.NewTime(due.Add(10 * time.Second))
	got := observeRun([]corev1.Pod{*second, *first})
	if got.exitCode != nil || got.failure != nil || got.started == nil {
		t.Errorf("got %+v, want the newest pod's, which has no exit code, and the start of the first", got)
	}
}

func TestReasonsOfKubernetes(t *testing.T) {
	for reason, want := range map[string]string{
		"OOMKilled": "OOMKilled", "Error": "ContainerFailed", "Completed": "ContainerFailed", "": "ContainerFailed",
		"ContainerStatusUnknown": "ContainerFailed", "has spaces": "ContainerFailed", "\x1b[31m": "ContainerFailed",
	} {
		if got := reasonOr(reason, cnatv1.ReasonContainerFailed); got != want {
			t.Errorf("%q becomes %q, want %q", reason, got, want)
		}
	}
}

// Sentences are joined, and what says nothing is left out.
func TestSentences(t *testing.T) {
	got := sentences("", "Evicted: the limit \"1Mi\".", " ", "container main ended.", "wrote.")
	if want := "Evicted: the limit \"1Mi\": container main ended: wrote."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
