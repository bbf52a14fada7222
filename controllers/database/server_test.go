package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	v1 "example.com/cnat-operator/api/database/v1"
)

func set(generation int64, status appsv1.StatefulSetStatus) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "s", Generation: generation}, Status: status}
}

func pod(container corev1.ContainerState, last corev1.ContainerState) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "s-0"},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: container, LastTerminationState: last, Image: "img"},
		}},
	}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func terminated(code int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: message}}
}

func unscheduled(since time.Duration) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "s-0"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes", LastTransitionTime: *ago(since),
	}}}}
}

func TestServerState(t *testing.T) {
	none := corev1.ContainerState{}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	starting := set(1, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	ready := appsv1.StatefulSetStatus{
		ObservedGeneration: 2, ReadyReplicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1, CurrentRevision: "b", UpdateRevision: "b",
	}
	justNow := ready
	justNow.AvailableReplicas = 0
	old := ready
	old.CurrentRevision = "a"
	leaving := pod(running, none)
	leaving.DeletionTimestamp = ago(0)
	stuck := pod(running, none)
	stuck.DeletionTimestamp, stuck.Spec.NodeName = ago(time.Minute), "node-7"
	refusing := pod(running, none)
	refusing.Status.InitContainerStatuses = []corev1.ContainerStatus{
		{Name: settingsContainer, State: terminated(0, "unrecognized configuration parameter \"foo\"\n")},
	}
	taking := pod(running, none)
	taking.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: settingsContainer, State: terminated(0, "")}}
	failing := pod(waiting("PodInitializing", ""), none)
	failing.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: settingsContainer, State: terminated(1, "no disk")}}
	failingExporter := func(state corev1.ContainerState) corev1.Pod {
		failing := pod(running, none)
		failing.Status.ContainerStatuses = append(failing.Status.ContainerStatuses,
			corev1.ContainerStatus{Name: exporterContainer, State: state, Image: "exporter"})
		return failing
	}
	waitingServer := failingExporter(running)
	waitingServer.Status.ContainerStatuses[0].State = waiting("ContainerCreating", "")
	leavingRefusing := refusing
	leavingRefusing.DeletionTimestamp = ago(0)
	for _, test := range []struct {
		name  string
		set   *appsv1.StatefulSet
		pods  []corev1.Pod
		ready bool
		// reason is the problem's; empty: none.
		reason string
		// words are in what is said.
		words   string
		recheck time.Duration
	}{
		{"no StatefulSet", nil, nil, false, "", "StatefulSet", 0},
		{"not seen", set(3, ready), nil, false, "", "seen by its controller", 0},
		{"ready", set(2, ready), nil, true, "", "", 0},
		{"ready, but not long enough for its Service", set(2, justNow), []corev1.Pod{pod(running, none)}, false, "", "take a login", 0},
		{"ready, but of the revision before", set(2, old), []corev1.Pod{pod(running, none)}, false, "", "take a login", 0},
		{"no pod", starting, nil, false, "", "pod s-0 to be made", 30 * time.Second},
		{"a pod that leaves", starting, []corev1.Pod{leaving}, false, "", "s-0 to stop", 30 * time.Second},
		{"a pod that does not leave", starting, []corev1.Pod{stuck}, false, v1.ReasonPodNotStopping, "node-7", 0},
		{"a pod that does not leave, beside one that starts", starting, []corev1.Pod{stuck, pod(none, none)}, false, "", "s-0 to start", 0},
		{"a pod that leaves beside one that starts", starting, []corev1.Pod{leaving, pod(none, none)}, false, "", "s-0 to start", 0},
		{"starting", starting, []corev1.Pod{pod(waiting("ContainerCreating", ""), none)}, false, "", "s-0 to start", 0},
		{"running", starting, []corev1.Pod{pod(running, none)}, false, "", "take a login", 0},
		{"image", starting, []corev1.Pod{pod(waiting("ErrImagePull", "no such image"), none)}, false, v1.ReasonImagePullFailed, "no such image", 0},
		{"image, again", starting, []corev1.Pod{pod(waiting("ImagePullBackOff", ""), none)}, false, v1.ReasonImagePullFailed, "img", 0},
		{"image name", starting, []corev1.Pod{pod(waiting("InvalidImageName", "bad"), none)}, false, v1.ReasonImagePullFailed, "bad", 0},
		{"key", starting, []corev1.Pod{pod(waiting("CreateContainerConfigError", "no key"), none)}, false, v1.ReasonContainerConfig, "no key", 0},
		{"crash", starting, []corev1.Pod{pod(waiting("CrashLoopBackOff", "back-off"), terminated(1, "the data are old\n"))}, false, v1.ReasonServerFailed, "the data are old", 0},
		{"crash without words", starting, []corev1.Pod{pod(waiting("CrashLoopBackOff", "back-off"), terminated(137, ""))}, false, v1.ReasonServerFailed, "exit code 137 (Error)", 0},
		{"ended", starting, []corev1.Pod{pod(terminated(2, "oh"), none)}, false, v1.ReasonServerFailed, "oh", 0},
		{"settings refused, and serving", set(2, ready), []corev1.Pod{refusing}, true, v1.ReasonParametersRefused, `parameter "foo"`, 0},
		{"settings refused, not yet serving", starting, []corev1.Pod{refusing}, false, "", "take a login", 0},
		{"settings taken", set(2, ready), []corev1.Pod{taking}, true, "", "", 0},
		{"settings refused by a pod that leaves", set(2, ready), []corev1.Pod{leavingRefusing, taking}, true, "", "", 0},
		{"settings not checked", starting, []corev1.Pod{failing}, false, v1.ReasonServerFailed, "no disk", 0},
		{"exporter's image", starting, []corev1.Pod{failingExporter(waiting("ErrImagePull", ""))}, false, v1.ReasonImagePullFailed, "container exporter: ErrImagePull: image exporter", 0},
		{"exporter's crash", starting, []corev1.Pod{failingExporter(waiting("CrashLoopBackOff", ""))}, false, v1.ReasonMonitoringFailed, "the exporter stops", 0},
		{"only the exporter runs", starting, []corev1.Pod{waitingServer}, false, "", "s-0 to start", 0},
		{"no node, for a moment", starting, []corev1.Pod{unscheduled(10 * time.Second)}, false, "", "0/1 nodes", 20 * time.Second},
		{"no node", starting, []corev1.Pod{unscheduled(time.Minute)}, false, v1.ReasonUnschedulable, "0/1 nodes", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := serverStateOf(test.set, test.pods, time.Time{}, noon)
			reason, words := "", got.waiting
			if got.problem != nil {
				reason, words = got.problem.reason, got.problem.message
			}
			if got.problem != nil && got.problem.serving != test.ready {
				t.Errorf("the problem's serving is %t", got.problem.serving)
			}
			if got.ready != test.ready || reason != test.reason || !strings.Contains(words, test.words) || got.recheck != test.recheck {
				t.Errorf("got %+v, problem %+v", got, got.problem)
			}
		})
	}
}

// A StatefulSet that makes no pod says nothing in its status.
func TestPodThatIsNeverMade(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	clock := clocktesting.NewFakePassiveClock(time.Now())
	op := startOperator(t, namespace, operatorOptions{clock: clock})
	db := newDatabase(namespace, "alone").create(t)
	statefulSet := statefulSetOf(db)
	eventually(t, "the StatefulSet", func() error { return get(t, statefulSet) })
	// Its controller's part.
	statefulSet.Status.ObservedGeneration = statefulSet.Generation
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	progressing := func() *metav1.Condition {
		return meta.FindStatusCondition(db.Status.Conditions, v1.ConditionProgressing)
	}
	passUntil(t, op, db, "it to wait for the pod", func() error {
		if err := get(t, db); err != nil || !strings.HasSuffix(progressing().Message, podToBeMade) {
			return fmt.Errorf("%+v, %w", db.Status.Conditions, err)
		}
		return nil
	})
	clock.SetTime(clock.Now().Add(podGrace + 2*time.Second)) // Times in a status are whole seconds.
	for range 2 {                                            // It stays so.
		passUntil(t, op, db, "a person to be called", func() error {
			if err := get(t, db); err != nil || progressing().Reason != v1.ReasonPodMissing {
				return fmt.Errorf("%+v, %w", db.Status.Conditions, err)
			}
			return nil
		})
	}
	if note := waitEvent(t, db, v1.ReasonPodMissing); !strings.Contains(note, "describe statefulset alone-database") {
		t.Error(note)
	}
	statefulSet.Status = appsv1.StatefulSetStatus{}
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}
