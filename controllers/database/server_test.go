package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	loop := func(state corev1.ContainerState, restarts int32, ran time.Duration, message string) corev1.Pod {
		ends := pod(state, terminated(1, message))
		ended := ends.Status.ContainerStatuses[0].LastTerminationState.Terminated
		ended.StartedAt, ended.FinishedAt = *ago(ran), *ago(0)
		ends.Status.ContainerStatuses[0].RestartCount = restarts
		return ends
	}
	finalized := stuck
	finalized.Finalizers = []string{"example.org/audit"}
	mounting := pod(waiting("ContainerCreating", ""), none)
	mounting.Status.StartTime = ago(time.Minute)
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
		words string
		// explanation is what an event says.
		explanation string
	}{
		{"no StatefulSet", nil, nil, false, "", "StatefulSet", ""},
		{"not seen", set(3, ready), nil, false, "", "seen by its controller", ""},
		{"ready", set(2, ready), nil, true, "", "", ""},
		{"ready, but not long enough for its Service", set(2, justNow), []corev1.Pod{pod(running, none)}, false, "", "take a login", ""},
		{"ready, but of the revision before", set(2, old), []corev1.Pod{pod(running, none)}, false, "", "take a login", ""},
		{"no pod", starting, nil, false, "", "pod s-0 to be created", ""},
		{"a pod that leaves", starting, []corev1.Pod{leaving}, false, "", "s-0 to stop", ""},
		{"a pod that does not leave", starting, []corev1.Pod{stuck}, false, v1.ReasonPodNotStopping, "node-7", ""},
		{"a pod that does not leave, beside one that starts", starting, []corev1.Pod{stuck, pod(none, none)}, false, "", "s-0 to start", ""},
		{"a pod that leaves beside one that starts", starting, []corev1.Pod{leaving, pod(none, none)}, false, "", "s-0 to start", ""},
		{"starting", starting, []corev1.Pod{pod(waiting("ContainerCreating", ""), none)}, false, "", "s-0 to start", ""},
		{"running", starting, []corev1.Pod{pod(running, none)}, false, "", "take a login", ""},
		{"image", starting, []corev1.Pod{pod(waiting("ErrImagePull", "no such image"), none)}, false, v1.ReasonImagePullFailed, "no such image", ""},
		{"image, again", starting, []corev1.Pod{pod(waiting("ImagePullBackOff", ""), none)}, false, v1.ReasonImagePullFailed, "img", ""},
		{"image name", starting, []corev1.Pod{pod(waiting("InvalidImageName", "bad"), none)}, false, v1.ReasonImagePullFailed, "bad", ""},
		{"key", starting, []corev1.Pod{pod(waiting("CreateContainerConfigError", "no key"), none)}, false, v1.ReasonContainerConfig, "no key", ""},
		{"crash", starting, []corev1.Pod{pod(waiting("CrashLoopBackOff", "back-off"), terminated(1, "the data are old\n"))}, false, v1.ReasonServerFailed, "the data are old", ""},
		{"crash without words", starting, []corev1.Pod{pod(waiting("CrashLoopBackOff", "back-off"), terminated(137, ""))}, false, v1.ReasonServerFailed, "exit code 137 (Error)", ""},
		{"ended once", starting, []corev1.Pod{pod(terminated(2, "oh"), none)}, false, "", "s-0 to start again: oh", ""},
		{"runs again", starting, []corev1.Pod{loop(running, 1, time.Minute, "oh")}, false, "", "take a login", ""},
		{"ended again and again, and waits", starting, []corev1.Pod{loop(waiting("CrashLoopBackOff", ""), 2, time.Minute, "oh")}, false, v1.ReasonServerFailed, "pod s-0: oh", ""},
		{"ended again and again, and runs", starting, []corev1.Pod{loop(running, 2, time.Minute, "oh")}, false, v1.ReasonServerFailed, "pod s-0: oh", ""},
		{"ended again after it ran for long", starting, []corev1.Pod{loop(running, 2, time.Hour, "oh")}, false, "", "take a login", ""},
		{"no pod, refused", starting, nil, false, v1.ReasonPodMissing, "can't create pod s-0: exceeded quota", "exceeded quota"},
		{"a volume that can't be mounted", starting, []corev1.Pod{mounting}, false, v1.ReasonContainerConfig, "can't start: timed out", "timed out"},
		{"a database that is not there", starting, []corev1.Pod{pod(running, none)}, false, v1.ReasonLoginRefused, `database "x" does not exist`, `Readiness probe failed: FATAL:  database "x" does not exist`},
		{"recovery", starting, []corev1.Pod{pod(running, none)}, false, "", "the database system is starting up", "Readiness probe failed: FATAL:  the database system is starting up"},
		{"a finalizer", starting, []corev1.Pod{finalized}, false, v1.ReasonPodNotStopping, "finalizer example.org/audit", ""},
		{"settings refused, and serving", set(2, ready), []corev1.Pod{refusing}, true, v1.ReasonParametersRefused, `parameter "foo"`, ""},
		{"settings refused, not yet serving", starting, []corev1.Pod{refusing}, false, "", "take a login", ""},
		{"settings taken", set(2, ready), []corev1.Pod{taking}, true, "", "", ""},
		{"settings refused by a pod that leaves", set(2, ready), []corev1.Pod{leavingRefusing, taking}, true, "", "", ""},
		{"settings not checked", starting, []corev1.Pod{failing}, false, "", "container settings of pod s-0 to start again: no disk", ""},
		{"exporter's image", starting, []corev1.Pod{failingExporter(waiting("ErrImagePull", ""))}, false, v1.ReasonImagePullFailed, "container exporter: ErrImagePull: image exporter", ""},
		{"exporter's crash", starting, []corev1.Pod{failingExporter(waiting("CrashLoopBackOff", ""))}, false, v1.ReasonMonitoringFailed, "the exporter stops", ""},
		{"only the exporter runs", starting, []corev1.Pod{waitingServer}, false, "", "s-0 to start", ""},
		{"no node, for a moment", starting, []corev1.Pod{unscheduled(10 * time.Second)}, false, "", "0/1 nodes", ""},
		{"no node", starting, []corev1.Pod{unscheduled(time.Minute)}, false, v1.ReasonUnschedulable, "0/1 nodes", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := serverStateOf(test.set, test.pods, test.explanation, noon)
			reason, words := "", got.waiting
			if got.problem != nil {
				reason, words = got.problem.Reason, got.problem.Message
			}
			if got.problem != nil && got.problem.Serving != test.ready {
				t.Errorf("the problem's serving is %t", got.problem.Serving)
			}
			if got.ready != test.ready || reason != test.reason || !strings.Contains(words, test.words) {
				t.Errorf("got %+v, problem %+v", got, got.problem)
			}
		})
	}
}

// A StatefulSet that can't create its pod says so in events alone. They are quoted within seconds.
func TestPodThatIsNeverCreated(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "alone").create(t)
	statefulSet := statefulSetOf(db)
	eventually(t, "the StatefulSet", func() error { return get(t, statefulSet) })
	refused := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "alone-"},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: namespace, Name: statefulSet.Name, UID: statefulSet.UID,
		},
		Type: corev1.EventTypeWarning, Reason: "FailedCreate", Message: "pods is forbidden: exceeded quota: small",
	}
	if err := api.Create(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	// Its controller's part.
	statefulSet.Status.ObservedGeneration = statefulSet.Generation
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the words of the API server", func() error { return stalledBy(t, db, v1.ReasonPodMissing, "exceeded quota: small") })
	statefulSet.Status = appsv1.StatefulSetStatus{}
	if err := api.Status().Update(t.Context(), statefulSet); err != nil {
		t.Fatal(err)
	}
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

func TestQuestionFor(t *testing.T) {
	starting := set(1, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	runs := func(since time.Duration) corev1.Pod {
		found := pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *ago(since)}}, corev1.ContainerState{})
		found.Status.StartTime = ago(since)
		return found
	}
	creating := pod(waiting("ContainerCreating", ""), corev1.ContainerState{})
	creating.Status.StartTime = ago(time.Minute)
	initializing := creating
	initializing.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	lately := runs(time.Hour)
	lately.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: *ago(time.Second)}}
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
		{name: "not seen by its controller", set: set(2, appsv1.StatefulSetStatus{ObservedGeneration: 1})},
		{name: "no pod, just installed", set: starting, changed: time.Second, after: 2 * time.Second},
		{name: "no pod", set: starting, changed: time.Minute, about: "s", since: time.Minute},
		{name: "no pod, by a clock that was ahead", set: starting, changed: -time.Hour, after: 3 * time.Second},
		{name: "a pod that waits for a node", set: starting, pods: []corev1.Pod{unscheduled(time.Minute)}},
		{name: "a pod that can't start", set: starting, pods: []corev1.Pod{creating}, about: "s-0", since: time.Minute},
		{name: "a pod that initializes", set: starting, pods: []corev1.Pod{initializing}},
		{name: "a server that just started", set: starting, pods: []corev1.Pod{runs(5 * time.Second)}, after: 10 * time.Second},
		{name: "a server that takes no login", set: starting, pods: []corev1.Pod{runs(time.Minute)}, about: "s-0", since: time.Minute},
		{name: "a server that takes none any more", set: starting, pods: []corev1.Pod{lately}, about: "s-0", since: 16 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := questionFor(test.set, test.pods, ago(test.changed).Time, noon)
			var about string
			if got.about != nil {
				about = got.about.GetName()
			}
			if about != test.about || got.after != test.after || about != "" && !got.since.Equal(ago(test.since).Time) {
				t.Errorf("got %+v about %s", got, about)
			}
		})
	}
}

func TestExplained(t *testing.T) {
	event := func(kind, reason, message string, last time.Duration) corev1.Event {
		return corev1.Event{Type: kind, Reason: reason, Message: message, LastTimestamp: *ago(last)}
	}
	failed := event("Warning", "FailedCreate", "exceeded quota\n", time.Minute)
	series := event("Warning", "FailedCreate", "again", time.Hour)
	series.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(noon)}
	for _, test := range []struct {
		name   string
		events []corev1.Event
		want   string
	}{
		{"none", nil, ""},
		{"one", []corev1.Event{failed}, "exceeded quota"},
		{"one of long ago", []corev1.Event{event("Warning", "FailedCreate", "old", 2*time.Hour)}, ""},
		{"the newest", []corev1.Event{event("Warning", "FailedCreate", "older", 2*time.Minute), failed, event("Warning", "Other", "other", 0)}, "exceeded quota"},
		{"one that goes on", []corev1.Event{failed, series}, "again"},
		{"a success after it", []corev1.Event{failed, event("Normal", "SuccessfulCreate", "created", time.Second)}, ""},
	} {
		if got := explained(test.events, question{reasons: createReasons, since: ago(time.Hour).Time}); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLoginState(t *testing.T) {
	server := &corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *ago(time.Hour)}}}
	for _, test := range []struct{ probe, reason, words string }{
		{"", "", "take a login"},
		{"DatabaseMissing: database blog does not exist: CREATE DATABASE blog\n", "DatabaseMissing", "no login: database blog does not exist: CREATE DATABASE blog. To reach it"},
		{"LoginDisabled: role wp has NOLOGIN", "LoginDisabled", "exec -it blog-database-0 -- psql -U postgres"},
		{"NotAccepting: the database system is starting up", "", "take a login: NotAccepting"},
		{"Crashed: a process of the server was killed", "", "take a login: Crashed"},
		{"Unknown: words", "LoginRefused", "Unknown: words"},
		// As version 0.2.0 has it.
		{
			"psql: error: connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  database \"blog\" does not exist\n",
			"LoginRefused", `no login: database "blog" does not exist.`,
		},
		{"psql: error: connection to server failed: FATAL:  the database system is in recovery mode", "", "recovery mode"},
		{"ERROR:  something\nthe encoding of the database is LATIN1, not UTF8", "LoginRefused", "no login: the encoding of the database is LATIN1"},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "blog-database-0"}}
		explanation := test.probe
		if explanation != "" {
			explanation = probeFailed + explanation
		}
		state := loginState(pod, server, explanation, noon)
		reason, words := "", state.waiting
		if state.problem != nil {
			reason, words = state.problem.Reason, state.problem.Message
		}
		if reason != test.reason || !strings.Contains(words, test.words) {
			t.Errorf("%s: %s, %s", test.probe, reason, words)
		}
	}
}

func TestRestarts(t *testing.T) {
	end := func(reason string, at time.Duration) *v1.RestartStatus {
		return &v1.RestartStatus{Count: 3, LastTime: ago(at), LastReason: reason, LastMessage: "words"}
	}
	for _, test := range []struct {
		name          string
		before, after *v1.RestartStatus
		events        int
	}{
		{"no pod", end("Error", time.Hour), nil, 0},
		{"none", &v1.RestartStatus{}, &v1.RestartStatus{}, 0},
		{"the first", &v1.RestartStatus{}, end(reasonOOM, 0), 1},
		{"known", end(reasonOOM, time.Hour), end(reasonOOM, time.Hour), 0},
		{"again, soon", end(reasonOOM, time.Minute), end(reasonOOM, 0), 0},
		{"again, for another reason", end("Error", time.Minute), end(reasonOOM, 0), 1},
		{"again, much later", end(reasonOOM, time.Hour), end(reasonOOM, 0), 1},
	} {
		if got := restartEvents(*test.before, test.after); len(got) != test.events {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	ended := pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, terminated(137, ""))
	ended.Status.ContainerStatuses[0].Name, ended.Status.ContainerStatuses[0].RestartCount = serverContainer, 1
	ended.Status.ContainerStatuses[0].LastTerminationState.Terminated.Reason = reasonOOM
	got := restartsOf([]corev1.Pod{ended})
	if got.Count != 1 || got.LastReason != reasonOOM || !strings.Contains(got.LastMessage, "spec.resources.limits.memory") {
		t.Errorf("got %+v", got)
	}
	state := serverStateOf(set(1, appsv1.StatefulSetStatus{ObservedGeneration: 1, AvailableReplicas: 1, UpdatedReplicas: 1}), []corev1.Pod{ended}, "", noon)
	if !state.ready || state.restarts.Count != 1 {
		t.Errorf("a ready server does not count: %+v", state)
	}
}

func TestEssence(t *testing.T) {
	const log = "2026-11-25 10:00:00 UTC [1] LOG:  starting\n" +
		"2026-11-25 10:00:01 UTC [9] PANIC:  could not write to file \"pg_wal/xlogtemp.9\": No space left on device\n" +
		"2026-11-25 10:00:01 UTC [9] STATEMENT:  INSERT INTO secrets VALUES ('x')\n" +
		"2026-11-25 10:00:02 UTC [1] LOG:  shutting down\n"
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"the data are of PostgreSQL 15\n", "the data are of PostgreSQL 15"},
		{log, `PANIC: could not write to file "pg_wal/xlogtemp.9": No space left on device`},
		{"2026 LOG:  starting\n2026 LOG:  shut down\n", ""},
	} {
		if got := essence(test.text); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
	full := terminationMessage(theBackup, terminated(1, "write failed: No space left on device").Terminated)
	if !strings.Contains(full, "raise spec.backup.storage.size") {
		t.Error(full)
	}
}

// A crash that the server recovered from by itself reaches the Database through the kubelet's event, and stays known when
// that has expired.
func TestCrashOfAReadyServer(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	statefulSet := statefulSetOf(db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	pod := podOf(db)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(statefulSet, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	unhealthy := func(name, message string, at time.Time) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: pod.Name, UID: pod.UID},
			Type:           corev1.EventTypeWarning, Reason: "Unhealthy", Message: message, LastTimestamp: metav1.NewTime(at),
		}
	}
	now := time.Now()
	for _, event := range []*corev1.Event{
		unhealthy("other", "Readiness probe failed: NotAccepting: starting", now),
		unhealthy("first", crashed+"a process of the server was killed (2 times since its container started): its log says which", now),
	} {
		if err := api.Create(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the crash to be counted", func() error {
		if err := get(t, db); err != nil || db.Status.Restarts.Crashes != 2 || db.Status.Restarts.LastReason != reasonCrashed {
			return fmt.Errorf("%+v: %w", db.Status.Restarts, err)
		}
		return nil
	})
	if note := waitEvent(t, db, "ServerCrashed"); !strings.Contains(note, "a process of the server was killed (2 times") {
		t.Error(note)
	}
	if err := isServingWith(db, v1.ReasonNotStalled); err != nil {
		t.Error(err)
	}
	kept := withCrashes(db.Status.Restarts, &v1.RestartStatus{}, []corev1.Pod{*pod}, nil)
	if kept.Crashes != 2 || kept.LastReason != reasonCrashed {
		t.Errorf("after the event expired: %+v", kept)
	}
}
