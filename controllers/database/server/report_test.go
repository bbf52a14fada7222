package server

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/pods"
)

func TestLoginState(t *testing.T) {
	server := &corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *testdb.Ago(time.Hour)}}}
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
		state := loginState(pod, server, explanation, testdb.Noon)
		reason, words := "", state.Waiting
		if state.Problem != nil {
			reason, words = state.Problem.Reason, state.Problem.Message
		}
		if reason != test.reason || !strings.Contains(words, test.words) {
			t.Errorf("%s: %s, %s", test.probe, reason, words)
		}
	}
}

func TestRestarts(t *testing.T) {
	end := func(reason string, at time.Duration) *v1.RestartStatus {
		return &v1.RestartStatus{Count: 3, LastTime: testdb.Ago(at), LastReason: reason, LastMessage: "words"}
	}
	for _, test := range []struct {
		name          string
		before, after *v1.RestartStatus
		events        int
	}{
		{"no pod", end("Error", time.Hour), nil, 0},
		{"none", &v1.RestartStatus{}, &v1.RestartStatus{}, 0},
		{"the first", &v1.RestartStatus{}, end(pods.ReasonOOM, 0), 1},
		{"known", end(pods.ReasonOOM, time.Hour), end(pods.ReasonOOM, time.Hour), 0},
		{"again, soon", end(pods.ReasonOOM, time.Minute), end(pods.ReasonOOM, 0), 0},
		{"again, for another reason", end("Error", time.Minute), end(pods.ReasonOOM, 0), 1},
		{"again, much later", end(pods.ReasonOOM, time.Hour), end(pods.ReasonOOM, 0), 1},
	} {
		if got := restartEvents(*test.before, test.after); len(got) != test.events {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	ended := testdb.Pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, testdb.Terminated(137, ""))
	ended.Status.ContainerStatuses[0].Name, ended.Status.ContainerStatuses[0].RestartCount = pods.ServerContainer, 1
	ended.Status.ContainerStatuses[0].LastTerminationState.Terminated.Reason = pods.ReasonOOM
	got := restartsOf([]corev1.Pod{ended})
	if got.Count != 1 || got.LastReason != pods.ReasonOOM || !strings.Contains(got.LastMessage, "spec.resources.limits.memory") {
		t.Errorf("got %+v", got)
	}
	state := stateOf(testdb.StatefulSet(1, appsv1.StatefulSetStatus{ObservedGeneration: 1, AvailableReplicas: 1, UpdatedReplicas: 1}), []corev1.Pod{ended}, "", testdb.Noon)
	if !state.Ready || state.Restarts.Count != 1 {
		t.Errorf("a ready server does not count: %+v", state)
	}
}

func TestServerVersion(t *testing.T) {
	for words, want := range map[string]string{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n": "15.14",
		"postgres (PostgreSQL) 18.1":                             "18.1",
		"postgres (PostgreSQL) 19beta1":                          "19beta1",
		"":                                                       "",
		"sh: postgres: not found":                                "",
	} {
		list := []corev1.Pod{{}, {Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "settings", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "(PostgreSQL) 1"}}},
			{Name: versionContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: words}}},
		}}}}
		if got := versionOf(list); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// What was known of a crash stays known when its event has expired.
func TestCrashWhoseEventExpired(t *testing.T) {
	before := v1.RestartStatus{Crashes: 2, LastTime: testdb.Ago(time.Hour), LastReason: reasonCrashed}
	kept := withCrashes(before, &v1.RestartStatus{}, []corev1.Pod{{}}, nil)
	if kept.Crashes != 2 || kept.LastReason != reasonCrashed {
		t.Errorf("after the event expired: %+v", kept)
	}
}
