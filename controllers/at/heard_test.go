package at

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// playEvent sends an event about an object as a controller or the kubelet would.
func playEvent(t *testing.T, kind string, of metav1.Object, speaker, reason, message string) {
	t.Helper()
	now := metav1.Now()
	create(t, &corev1.Event{
		ObjectMeta:          metav1.ObjectMeta{GenerateName: "event-", Namespace: of.GetNamespace()},
		InvolvedObject:      corev1.ObjectReference{Kind: kind, Namespace: of.GetNamespace(), Name: of.GetName(), UID: of.GetUID()},
		Source:              corev1.EventSource{Component: speaker},
		ReportingController: speaker,
		Type:                corev1.EventTypeWarning, Reason: reason, Message: message,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
}

// A pod that is refused is reported in the API server's words, and no longer
// once there is one.
func TestRefusedPodIsReported(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	awaitAt(t, at, "the Job to be recorded", func(status *cnatv1.AtStatus) bool { return status.JobUID == job.UID })
	playEvent(t, "Job", job, "somebody", "FailedCreate", "nonsense")
	playEvent(t, "Job", job, "job-controller", "FailedCreate", "pods \"x\" is forbidden: exceeded quota\x00\x1b[31m")
	awaitAt(t, at, "PodRefused", isStalled(cnatv1.ReasonPodRefused))
	if message := at.Status.Message; !strings.Contains(message, "exceeded quota\uFFFD[31m") || !strings.Contains(message, "create a new At") {
		t.Errorf("the message is %q", message)
	}
	awaitEvents(t, at, "Scheduled", cnatv1.ReasonPodRefused)

	playPod(t, job, running())
	awaitAt(t, at, "Running, and not stalled", func(status *cnatv1.AtStatus) bool {
		return status.Phase == cnatv1.AtRunning && status.Reason == "" && !isStalled(cnatv1.ReasonPodRefused)(status)
	})
}

// So is one that waits for what only the kubelet's events name; when its
// deadline passes, the final message has it.
func TestWaitOfTheKubeletIsReported(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	pod := playPod(t, job, waiting("ContainerCreating", ""))
	playEvent(t, "Pod", pod, "kubelet", "FailedMount", `configmap "config" not found`)
	awaitAt(t, at, "PodNotStarting", isStalled(cnatv1.ReasonPodNotStarting))
	mounted := func(is corev1.ConditionStatus) {
		playStatus(t, pod, func() {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: is, LastTransitionTime: metav1.Now()}}
		})
	}
	mounted(corev1.ConditionTrue)
	awaitAt(t, at, "no stall once the volume is mounted", func(status *cnatv1.AtStatus) bool {
		return !isTrue(status, cnatv1.ConditionStalled)
	})
	mounted(corev1.ConditionFalse)
	awaitAt(t, at, "PodNotStarting", isStalled(cnatv1.ReasonPodNotStarting))
	if want := `FailedMount: configmap "config" not found`; at.Status.Message != want {
		t.Errorf("the message is %q, want %q", at.Status.Message, want)
	}
	change(t, at, func() { at.Spec.PendingDeadlineSeconds = 1 })
	playEnd(t, awaitStop(t, job), batchv1.JobFailed)
	awaitAt(t, at, "Failed", isPhase(cnatv1.AtFailed))
	if !strings.HasSuffix(at.Status.Message, `(1 s): FailedMount: configmap "config" not found`) || at.Status.ExitCode != nil {
		t.Errorf("the message is %q, the exit code %v", at.Status.Message, at.Status.ExitCode)
	}
}

func TestNewestWords(t *testing.T) {
	now := metav1.NewTime(due)
	events := []corev1.Event{
		{Source: corev1.EventSource{Component: "job-controller"}, Message: "first", LastTimestamp: metav1.NewTime(due.Add(-time.Minute))},
		{ReportingController: "job-controller", Message: "second", EventTime: metav1.NewMicroTime(due)},
		{ReportingController: "somebody", Message: "nonsense", LastTimestamp: metav1.NewTime(due.Add(time.Hour))},
	}
	if got := newest(events, wordsOfJobEvent); got == nil || got.message != "second" || !got.last.Equal(now.Time) {
		t.Errorf("got %+v, want the second", got)
	}
	if got := newest(events[2:], wordsOfJobEvent); got != nil {
		t.Errorf("got %+v of somebody who is not to be shown", got)
	}
}

// What the cache keeps of an event is little, whoever wrote it, and says the same.
func TestStripEvent(t *testing.T) {
	much := strings.Repeat("x", 1<<20)
	event := &corev1.Event{
		ObjectMeta:          metav1.ObjectMeta{Name: "e", Annotations: map[string]string{"a": much}},
		InvolvedObject:      corev1.ObjectReference{Kind: "Job", Name: "j", UID: "u", FieldPath: much},
		ReportingController: "job-controller", Reason: "FailedCreate", Message: much + "the end", Action: much,
		EventTime: metav1.NewMicroTime(due),
	}
	_, want := wordsOfJobEvent(event)
	stripped, err := stripEvent(event)
	if err != nil {
		t.Fatal(err)
	}
	kept := stripped.(*corev1.Event)
	speaker, got := wordsOfJobEvent(kept)
	if kept.Size() > 2*maxWords || kept.Name != "e" || subject(kept).UID != "u" || speaker != "job-controller" {
		t.Errorf("kept are %d bytes: %+v", kept.Size(), kept)
	}
	if got.reason != want.reason || !got.last.Equal(want.last) || !strings.HasSuffix(got.message, "the end") {
		t.Errorf("got %+v, want what was said before", got)
	}
}
