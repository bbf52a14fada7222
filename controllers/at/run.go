package at

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/text"
)

// run is what the pods of a Job report.
type run struct {
	pod      string // the pod that the rest is about: the newest; empty: there is none
	podUID   types.UID
	ready    time.Time    // when its volumes, network and sandbox were; zero: they are not
	over     bool         // all containers of that pod have ended
	started  *metav1.Time // of the first container of any pod; nil: none has. A sidecar does not count
	unknown  bool         // Kubernetes does not know whether a container started
	ended    *metav1.Time // of the last container; nil: not all have
	exitCode *int32       // 0, or that of the container that failed first; nil: none is known
	message  string       // the termination message of a pod that succeeded
	failure  *stall       // why the pod failed, or will once its other containers end; nil: it has not
	trouble  *stall       // what goes wrong beside containers that run; nil: nothing is known
	gated    string       // why the scheduler leaves the pod alone; empty: it does not
	stalled  *stall       // why no container starts; nil: nothing is known to be wrong
}

// stall is a condition's reason and message.
type stall struct{ reason, message string }

// observeRun reads a run from its pods. There is one of each replica, or none when it was deleted; of several attempts,
// the newest counts.
func observeRun(pods []corev1.Pod) run {
	if len(pods) == 0 {
		return run{}
	}
	observed, pod := run{}, decisivePod(pods)
	for i := range pods {
		for _, c := range containersOf(&pods[i]) {
			if started := startOf(c.status.State); !c.sidecar && started != nil {
				observed.started = earliest(observed.started, *started)
			}
		}
	}
	observed.pod, observed.podUID = pod.Name, pod.UID
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReadyToStartContainers && condition.Status == corev1.ConditionTrue {
			observed.ready = condition.LastTransitionTime.Time
		}
	}
	observeContainers(pod, &observed)
	observed.failure = podFailure(pod)
	observed.trouble = sidecarFailure(pod)
	observed.gated, observed.stalled = podStall(pod)
	return observed
}

// decisivePod is the pod by which the run is judged: of each replica's newest attempt the first that failed, else one
// that is not over, else the one that ended last.
func decisivePod(pods []corev1.Pod) *corev1.Pod {
	newest := map[string]*corev1.Pod{}
	for i := range pods {
		index := pods[i].Labels[batchv1.JobCompletionIndexAnnotation]
		if before := newest[index]; before == nil || before.CreationTimestamp.Before(&pods[i].CreationTimestamp) {
			newest[index] = &pods[i]
		}
	}
	return slices.MinFunc(slices.Collect(maps.Values(newest)), func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), failureOf(a).Compare(failureOf(b)), endOf(b).Compare(endOf(a)),
			cmp.Compare(a.Name, b.Name))
	})
}

// rank orders pods by how much they say of their run.
func rank(pod *corev1.Pod) int {
	switch {
	case podFailure(pod) != nil:
		return 0
	case pod.Status.Phase != corev1.PodSucceeded:
		return 1
	default:
		return 2
	}
}

// failureOf is when the first container of a pod failed; zero: none has.
func failureOf(pod *corev1.Pod) time.Time {
	if first := firstFailed(pod); first != nil {
		return first.status.State.Terminated.FinishedAt.Time
	}
	return time.Time{}
}

// endOf is when the last container of a pod ended that has; zero: none has.
func endOf(pod *corev1.Pod) time.Time {
	end := time.Time{}
	for _, c := range containersOf(pod) {
		if state := c.status.State.Terminated; state != nil && state.FinishedAt.After(end) {
			end = state.FinishedAt.Time
		}
	}
	return end
}

// observeContainers notes when the containers of a pod ended, and with what.
func observeContainers(pod *corev1.Pod, observed *run) {
	running, failed, succeeded := 0, false, ""
	for _, c := range containersOf(pod) {
		state := c.status.State.Terminated
		switch {
		case state == nil && c.main:
			running++
		case state == nil || c.sidecar:
		case state.Reason == reasonStatusUnknown:
			failed = true
			observed.unknown = observed.unknown || c.status.ContainerID != "" && observed.started == nil
		default:
			failed = failed || state.ExitCode != 0
			observed.ended = latest(observed.ended, state.FinishedAt)
			if c.main && succeeded == "" {
				succeeded = state.Message
			}
		}
	}
	observed.over = running == 0 || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	if !observed.over {
		observed.ended = nil
	}
	if first := firstFailed(pod); first != nil {
		observed.exitCode = exitCodeOf(first.status.State.Terminated)
	} else if running == 0 && !failed {
		observed.exitCode, observed.message = ptr.To[int32](0), text.Bounded(succeeded, maxMessage)
	}
}

// podStall is why a pod does not start, as far as its status knows: somebody
// gates its scheduling, or something is wrong.
func podStall(pod *corev1.Pod) (gated string, stalled *stall) {
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse {
			continue
		}
		switch condition.Reason {
		case corev1.PodReasonSchedulingGated:
			return condition.Message, nil
		case corev1.PodReasonUnschedulable, corev1.PodReasonSchedulerError:
			return "", &stall{cnatv1.ReasonPodUnschedulable, condition.Message}
		}
	}
	all := containersOf(pod)
	for i := range all {
		c := &all[i]
		waiting := c.status.State.Waiting
		// Without a message the kubelet is just on its way: ContainerCreating, PodInitializing.
		if waiting == nil || waiting.Message == "" || c.sidecar && mainStarted(all) {
			continue
		}
		message := fmt.Sprintf("%s: %s: %s", c, waiting.Reason, waiting.Message)
		if last := c.status.LastTerminationState.Terminated; last != nil && last.ExitCode != 0 {
			message += "; " + describeEnd(c, last)
		}
		return "", &stall{cnatv1.ReasonPodNotStarting, message}
	}
	return "", nil
}

// sidecarFailure is about a sidecar that fails and is restarted, beside
// containers that run.
func sidecarFailure(pod *corev1.Pod) *stall {
	all := containersOf(pod)
	for i := range all {
		c := &all[i]
		last := c.status.LastTerminationState.Terminated
		if c.status.State.Terminated != nil {
			last = c.status.State.Terminated
		}
		if c.sidecar && last != nil && last.ExitCode != 0 && pod.DeletionTimestamp == nil && mainRuns(all) {
			return &stall{cnatv1.ReasonSidecarFailed, describeEnd(c, last)}
		}
	}
	return nil
}

func earliest(a *metav1.Time, b metav1.Time) *metav1.Time {
	if a != nil && !b.Before(a) {
		return a
	}
	return &b
}

func latest(a *metav1.Time, b metav1.Time) *metav1.Time {
	if a != nil && b.Before(a) {
		return a
	}
	return &b
}

// sentences joins those that say something. Where another follows, the full stop of one is left out.
func sentences(all ...string) string {
	var said []string
	for _, s := range all {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if last := len(said) - 1; last >= 0 {
			said[last] = strings.TrimSuffix(said[last], ".")
		}
		said = append(said, s)
	}
	return strings.Join(said, ": ")
}
