package database

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestIsRollout(t *testing.T) {
	for _, test := range []struct {
		name           string
		status, digest string // of the release that is stored
		observed       int64
		ready          metav1.ConditionStatus
		progressing    string // its reason
		want           bool
	}{
		{"a newer chart", statusDeployed, "old", 2, metav1.ConditionTrue, v1.ReasonReconciled, true},
		{"the same chart", statusDeployed, "new", 2, metav1.ConditionTrue, v1.ReasonReconciled, false},
		{"a changed spec", statusDeployed, "old", 1, metav1.ConditionTrue, v1.ReasonReconciled, false},
		{"a server that is not ready", statusDeployed, "old", 2, metav1.ConditionFalse, v1.ReasonStarting, false},
		{"a server that starts again while it waits", statusDeployed, "old", 2, metav1.ConditionFalse, v1.ReasonWaitingForTurn, true},
		{"a server that can't start again", statusDeployed, "old", 2, metav1.ConditionFalse, v1.ReasonUnschedulable, false},
		{"a release that failed", statusFailed, "", 2, metav1.ConditionTrue, v1.ReasonReconciled, false},
	} {
		db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
		db.Status.ObservedGeneration = test.observed
		db.Status.Release = v1.ReleaseStatus{Status: test.status, Digest: test.digest}
		meta.SetStatusCondition(&db.Status.Conditions, metav1.Condition{Type: v1.ConditionReady, Status: test.ready})
		meta.SetStatusCondition(&db.Status.Conditions, metav1.Condition{Type: v1.ConditionProgressing, Reason: test.progressing})
		if got := isRollout(db, "new"); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestTurns(t *testing.T) {
	one, two, three := rolloutDatabase("one"), rolloutDatabase("two"), rolloutDatabase("three")
	all := func() []v1.Database { return []v1.Database{*one, *two, *three} }
	var given turns
	take := func(db *v1.Database, limit int, want string) {
		t.Helper()
		if got := given.take(db, all(), limit); got != want {
			t.Errorf("%s waits for %q, want %q", db.Name, got, want)
		}
	}
	take(one, 1, "")
	take(one, 1, "") // again, after its upgrade was cut short
	take(two, 1, "ns/one")
	take(two, 2, "")
	take(three, 2, "ns/one")
	given.end(one.UID)
	take(three, 2, "")
	given.end(two.UID)
	given.end(three.UID)
	// As a process before this one left it.
	two.Status.Release.RolloutTime = &metav1.Time{}
	take(one, 1, "ns/two")
	take(two, 1, "")
}

// What is gone, or goes, can't get ready: the rest need not wait for it.
func TestTurnsOfDatabasesThatGo(t *testing.T) {
	one, two, three := rolloutDatabase("one"), rolloutDatabase("two"), rolloutDatabase("three")
	var given turns
	all := []v1.Database{*one, *two, *three}
	if got := given.take(one, all, 1); got != "" {
		t.Fatalf("one waits for %s", got)
	}
	// Its finalizer was removed by hand.
	if got := given.take(two, all[1:], 1); got != "" {
		t.Errorf("two waits for %s, which is gone", got)
	}
	all[1].DeletionTimestamp = &metav1.Time{Time: noon}
	all[1].Status.Release.RolloutTime = &metav1.Time{}
	if got := given.take(three, all[1:], 1); got != "" {
		t.Errorf("three waits for %s, which is being deleted", got)
	}
}

// A Database whose server is ready, and whose backups the newer chart spoils, keeps its turn: the rest must not follow.
func TestTurnEndsOnlyOnceNothingFailed(t *testing.T) {
	for _, test := range []struct {
		name string
		seen observation
		ends bool
	}{
		{"ready", observation{release: releaseResult{current: true}, server: serverState{ready: true}}, true},
		{"not ready", observation{release: releaseResult{current: true}}, false},
		{"ready, with a failure", observation{
			release: releaseResult{current: true, problem: &problem{reason: v1.ReasonReleaseFailed, serving: true}},
			server:  serverState{ready: true},
		}, false},
	} {
		db := newDatabase("ns", "one").build()
		test.seen.release.status = v1.ReleaseStatus{Name: "one-database", RolloutTime: &metav1.Time{}}
		status := statusFor(db, &test.seen)
		if ends := rolledOut(&test.seen, status.Conditions); ends != test.ends || (status.Release.RolloutTime == nil) != test.ends {
			t.Errorf("%s: %t, %+v", test.name, ends, status.Release)
		}
	}
}

// The image that the status names is the one that runs, not the one that the turn will bring.
func TestImageOfOneThatWaits(t *testing.T) {
	db := newDatabase("ns", "one").build()
	db.Status.Image = "postgres:18.1"
	seen := observation{
		image:   "postgres:18.2",
		release: releaseResult{current: true, turn: true},
		server:  serverState{ready: true, version: "18.1"},
	}
	if status := statusFor(db, &seen); status.Image != "postgres:18.1" {
		t.Errorf("status names image %s", status.Image)
	}
}

func rolloutDatabase(name string) *v1.Database {
	return &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}}
}
