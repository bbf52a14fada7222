package server

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/pods"
)

func TestServerState(t *testing.T) {
	none := corev1.ContainerState{}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	starting := testdb.StatefulSet(1, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	ready := appsv1.StatefulSetStatus{
		ObservedGeneration: 2, ReadyReplicas: 1, AvailableReplicas: 1, UpdatedReplicas: 1, CurrentRevision: "b", UpdateRevision: "b",
	}
	justNow := ready
	justNow.AvailableReplicas = 0
	old := ready
	old.CurrentRevision = "a"
	leaving := testdb.Pod(running, none)
	leaving.DeletionTimestamp = testdb.Ago(0)
	stuck := testdb.Pod(running, none)
	stuck.DeletionTimestamp, stuck.Spec.NodeName = testdb.Ago(time.Minute), "node-7"
	refusing := testdb.Pod(running, none)
	refusing.Status.InitContainerStatuses = []corev1.ContainerStatus{
		{Name: settingsContainer, State: testdb.Terminated(0, "unrecognized configuration parameter \"foo\"\n")},
	}
	taking := testdb.Pod(running, none)
	taking.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: settingsContainer, State: testdb.Terminated(0, "")}}
	failing := testdb.Pod(testdb.Waiting("PodInitializing", ""), none)
	failing.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: settingsContainer, State: testdb.Terminated(1, "no disk")}}
	failingExporter := func(state corev1.ContainerState) corev1.Pod {
		failing := testdb.Pod(running, none)
		failing.Status.ContainerStatuses = append(failing.Status.ContainerStatuses,
			corev1.ContainerStatus{Name: pods.ExporterContainer, State: state, Image: "exporter"})
		return failing
	}
	waitingServer := failingExporter(running)
	waitingServer.Status.ContainerStatuses[0].State = testdb.Waiting("ContainerCreating", "")
	loop := func(state corev1.ContainerState, restarts int32, ran time.Duration, message string) corev1.Pod {
		ends := testdb.Pod(state, testdb.Terminated(1, message))
		ended := ends.Status.ContainerStatuses[0].LastTerminationState.Terminated
		ended.StartedAt, ended.FinishedAt = *testdb.Ago(ran), *testdb.Ago(0)
		ends.Status.ContainerStatuses[0].RestartCount = restarts
		return ends
	}
	finalized := stuck
	finalized.Finalizers = []string{"example.org/audit"}
	mounting := testdb.Pod(testdb.Waiting("ContainerCreating", ""), none)
	mounting.Status.StartTime = testdb.Ago(time.Minute)
	leavingRefusing := refusing
	leavingRefusing.DeletionTimestamp = testdb.Ago(0)
	for _, test := range []struct {
		name  string
		set   *appsv1.StatefulSet
		pods  []corev1.Pod
		ready bool
		// reason is the problem's; empty: none.
		reason string
		// words are in what is said.
		words string
		// explanation is what an event says.
		explanation string
	}{
		{"no StatefulSet", nil, nil, false, "", "StatefulSet", ""},
		{"not seen", testdb.StatefulSet(3, ready), nil, false, "", "seen by its controller", ""},
		{"ready", testdb.StatefulSet(2, ready), nil, true, "", "", ""},
		{"ready, but not long enough for its Service", testdb.StatefulSet(2, justNow), []corev1.Pod{testdb.Pod(running, none)}, false, "", "take a login", ""},
		{"ready, but of the revision before", testdb.StatefulSet(2, old), []corev1.Pod{testdb.Pod(running, none)}, false, "", "take a login", ""},
		{"no pod", starting, nil, false, "", "pod s-0 to start", ""},
		{"new", testdb.StatefulSet(1, appsv1.StatefulSetStatus{}), nil, false, "", "pod s-0 to start", ""},
		{"a pod that leaves", starting, []corev1.Pod{leaving}, false, "", "s-0 to stop", ""},
		{"a pod that does not leave", starting, []corev1.Pod{stuck}, false, v1.ReasonPodNotStopping, "node-7", ""},
		{"a pod that does not leave, beside one that starts", starting, []corev1.Pod{stuck, testdb.Pod(none, none)}, false, "", "s-0 to start", ""},
		{"a pod that leaves beside one that starts", starting, []corev1.Pod{leaving, testdb.Pod(none, none)}, false, "", "s-0 to start", ""},
		{"starting", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("ContainerCreating", ""), none)}, false, "", "s-0 to start", ""},
		{"running", starting, []corev1.Pod{testdb.Pod(running, none)}, false, "", "take a login", ""},
		{"image", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("ErrImagePull", "no such image"), none)}, false, v1.ReasonImagePullFailed, "no such image", ""},
		{"image, again", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("ImagePullBackOff", ""), none)}, false, v1.ReasonImagePullFailed, "img", ""},
		{"image name", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("InvalidImageName", "bad"), none)}, false, v1.ReasonImagePullFailed, "bad", ""},
		{"key", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("CreateContainerConfigError", "no key"), none)}, false, v1.ReasonContainerConfig, "no key", ""},
		{"crash", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("CrashLoopBackOff", "back-off"), testdb.Terminated(1, "the data are old\n"))}, false, v1.ReasonServerFailed, "the data are old", ""},
		{"crash without words", starting, []corev1.Pod{testdb.Pod(testdb.Waiting("CrashLoopBackOff", "back-off"), testdb.Terminated(137, ""))}, false, v1.ReasonServerFailed, "exit code 137 (Error)", ""},
		{"ended once", starting, []corev1.Pod{testdb.Pod(testdb.Terminated(2, "oh"), none)}, false, "", "s-0 to start again: oh", ""},
		{"runs again", starting, []corev1.Pod{loop(running, 1, time.Minute, "oh")}, false, "", "take a login", ""},
		{"ended again and again, and waits", starting, []corev1.Pod{loop(testdb.Waiting("CrashLoopBackOff", ""), 2, time.Minute, "oh")}, false, v1.ReasonServerFailed, "pod s-0: oh", ""},
		{"ended again and again, and runs", starting, []corev1.Pod{loop(running, 2, time.Minute, "oh")}, false, v1.ReasonServerFailed, "pod s-0: oh", ""},
		{"ended again after it ran for long", starting, []corev1.Pod{loop(running, 2, time.Hour, "oh")}, false, "", "take a login", ""},
		{"no pod, refused", starting, nil, false, v1.ReasonPodMissing, "can't create pod s-0: exceeded quota", "exceeded quota"},
		{"a volume that can't be mounted", starting, []corev1.Pod{mounting}, false, v1.ReasonContainerConfig, "can't start: timed out", "timed out"},
		{"a database that is not there", starting, []corev1.Pod{testdb.Pod(running, none)}, false, v1.ReasonLoginRefused, `database "x" does not exist`, `Readiness probe failed: FATAL:  database "x" does not exist`},
		{"recovery", starting, []corev1.Pod{testdb.Pod(running, none)}, false, "", "the database system is starting up", "Readiness probe failed: FATAL:  the database system is starting up"},
		{"a finalizer", starting, []corev1.Pod{finalized}, false, v1.ReasonPodNotStopping, "finalizer example.org/audit", ""},
		{"settings refused, and serving", testdb.StatefulSet(2, ready), []corev1.Pod{refusing}, true, v1.ReasonParametersRefused, `parameter "foo"`, ""},
		{"settings refused, not yet serving", starting, []corev1.Pod{refusing}, false, "", "take a login", ""},
		{"settings taken", testdb.StatefulSet(2, ready), []corev1.Pod{taking}, true, "", "", ""},
		{"settings refused by a pod that leaves", testdb.StatefulSet(2, ready), []corev1.Pod{leavingRefusing, taking}, true, "", "", ""},
		{"settings not checked", starting, []corev1.Pod{failing}, false, "", "container settings of pod s-0 to start again: no disk", ""},
		{"exporter's image", starting, []corev1.Pod{failingExporter(testdb.Waiting("ErrImagePull", ""))}, false, v1.ReasonImagePullFailed, "container exporter: ErrImagePull: image exporter", ""},
		{"exporter's crash", starting, []corev1.Pod{failingExporter(testdb.Waiting("CrashLoopBackOff", ""))}, false, v1.ReasonMonitoringFailed, "the exporter stops", ""},
		{"only the exporter runs", starting, []corev1.Pod{waitingServer}, false, "", "s-0 to start", ""},
		{"no node, for a moment", starting, []corev1.Pod{testdb.Unscheduled(10 * time.Second)}, false, "", "0/1 nodes", ""},
		{"no node", starting, []corev1.Pod{testdb.Unscheduled(time.Minute)}, false, v1.ReasonUnschedulable, "0/1 nodes", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := stateOf(test.set, test.pods, test.explanation, testdb.Noon)
			reason, words := "", got.Waiting
			if got.Problem != nil {
				reason, words = got.Problem.Reason, got.Problem.Message
			}
			if got.Problem != nil && got.Problem.Serving != test.ready {
				t.Errorf("the problem's serving is %t", got.Problem.Serving)
			}
			if got.Ready != test.ready || reason != test.reason || !strings.Contains(words, test.words) {
				t.Errorf("got %+v, problem %+v", got, got.Problem)
			}
		})
	}
}

func TestQuestionFor(t *testing.T) {
	starting := testdb.StatefulSet(1, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	runs := func(since time.Duration) corev1.Pod {
		found := testdb.Pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *testdb.Ago(since)}}, corev1.ContainerState{})
		found.Status.StartTime = testdb.Ago(since)
		return found
	}
	creating := testdb.Pod(testdb.Waiting("ContainerCreating", ""), corev1.ContainerState{})
	creating.Status.StartTime = testdb.Ago(time.Minute)
	initializing := creating
	initializing.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	lately := runs(time.Hour)
	lately.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: *testdb.Ago(time.Second)}}
	for _, test := range []struct {
		name    string
		set     *appsv1.StatefulSet
		pods    []corev1.Pod
		changed time.Duration
		// about is the kind of the object that is asked about, and after is when.
		about string
		after time.Duration
		since time.Duration
	}{
		{name: "no StatefulSet"},
		{name: "not seen by its controller", set: testdb.StatefulSet(2, appsv1.StatefulSetStatus{ObservedGeneration: 1})},
		{name: "no pod, just installed", set: starting, changed: time.Second, after: 2 * time.Second},
		{name: "no pod", set: starting, changed: time.Minute, about: "s", since: time.Minute},
		{name: "no pod, by a clock that was ahead", set: starting, changed: -time.Hour, after: 3 * time.Second},
		{name: "a pod that waits for a node", set: starting, pods: []corev1.Pod{testdb.Unscheduled(time.Minute)}},
		{name: "a pod that can't start", set: starting, pods: []corev1.Pod{creating}, about: "s-0", since: time.Minute},
		{name: "a pod that initializes", set: starting, pods: []corev1.Pod{initializing}},
		{name: "a server that just started", set: starting, pods: []corev1.Pod{runs(5 * time.Second)}, after: 10 * time.Second},
		{name: "a server that takes no login", set: starting, pods: []corev1.Pod{runs(time.Minute)}, about: "s-0", since: time.Minute},
		{name: "a server that takes none any more", set: starting, pods: []corev1.Pod{lately}, about: "s-0", since: 16 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := questionFor(test.set, test.pods, testdb.Ago(test.changed).Time, testdb.Noon)
			var about string
			if got.About != nil {
				about = got.About.GetName()
			}
			if about != test.about || got.After != test.after || about != "" && !got.Since.Equal(testdb.Ago(test.since).Time) {
				t.Errorf("got %+v about %s", got, about)
			}
		})
	}
}

// A pod with the server's labels that is not the StatefulSet's, such as a copy for debugging, is not the server.
func TestPodsOfTheServer(t *testing.T) {
	statefulSet := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "shop-database", UID: "set"}}
	pod := func(name string, controller types.UID) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: name, OwnerReferences: []metav1.OwnerReference{{UID: controller, Controller: ptr.To(true)}},
		}}
	}
	bare := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a-bare-copy"}}
	pods := []corev1.Pod{bare, pod("a-copy", "other"), pod("shop-database-0", "set"), pod("shop-database-1", "other")}
	if found := podsOf(statefulSet, pods); len(found) != 1 || found[0].Name != "shop-database-0" {
		t.Errorf("found %+v", found)
	}
	if found := podsOf(nil, pods); len(found) != 0 {
		t.Errorf("without a StatefulSet: %+v", found)
	}
}
