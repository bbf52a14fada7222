package release

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
)

func TestIsRollout(t *testing.T) {
	for _, test := range []struct {
		name             string
		status           string // of the release that is stored
		generation       int64  // that it was rendered from
		observed         int64
		serving, waiting bool
		want             bool
	}{
		{"a newer chart", statusDeployed, 2, 2, true, false, true},
		{"a newer chart, after version 0.2.0", statusDeployed, 0, 2, true, false, true},
		{"a changed spec", statusDeployed, 1, 1, true, false, false},
		{"a changed spec that was blocked at first", statusDeployed, 1, 2, true, true, false},
		{"a server that is not ready", statusDeployed, 2, 2, false, false, false},
		{"a server that starts again while it waits", statusDeployed, 2, 2, false, true, true},
		{"a release that failed", statusFailed, 2, 2, true, false, false},
	} {
		db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
		db.Status.ObservedGeneration = test.observed
		db.Status.Release = v1.ReleaseStatus{Status: test.status, Generation: test.generation}
		if got := isRollout(db, test.serving, test.waiting); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestSlots(t *testing.T) {
	one, two, three := rolloutDatabase("one"), rolloutDatabase("two"), rolloutDatabase("three")
	all := func() []v1.Database { return []v1.Database{*one, *two, *three} }
	var known Slots
	acquire := func(db *v1.Database, limit int, after time.Duration, want bool) {
		t.Helper()
		wait := known.acquire(db, all(), limit, testdb.Noon.Add(after))
		if (wait == "") != want {
			t.Errorf("%s waits for %q, want %t", db.Name, wait, want)
		}
		for _, other := range []string{"one", "two", "three", "ns"} {
			if strings.Contains(wait, other+"/") || strings.Contains(wait, "/"+other) {
				t.Errorf("it names another's object: %s", wait)
			}
		}
	}
	acquire(one, 1, 0, true)
	acquire(one, 1, 0, true) // again, after its upgrade was cut short
	acquire(two, 1, 0, false)
	acquire(two, 2, 0, true)
	acquire(three, 2, 0, false)
	known.Release(one.UID)
	acquire(three, 2, 0, true)
	known.Release(two.UID)
	known.Release(three.UID)
	// As a process before this one left it, whose clock was an hour ahead.
	two.Status.Release.RolloutTime = &metav1.Time{Time: testdb.Noon.Add(time.Hour)}
	acquire(one, 1, 0, false)
	acquire(two, 1, 0, true)
	acquire(one, 1, slotDeadline-1, false)
	acquire(one, 1, slotDeadline, true)
}

// One tenant, with however many Databases that don't become ready, does not keep the others from their upgrade. Upgrades
// that fail in several namespaces do.
func TestFailedRollouts(t *testing.T) {
	var known Slots
	var all []v1.Database
	failed := func(namespace, name string) {
		db := rolloutDatabase(name)
		db.Namespace, db.Status.Release.RolloutTime = namespace, &metav1.Time{Time: testdb.Noon}
		all = append(all, *db)
	}
	for n := range 10 {
		failed("mallory", fmt.Sprint("m", n))
	}
	good := rolloutDatabase("good")
	known.acquire(good, all, 1, testdb.Noon)
	if wait := known.acquire(good, all, 1, testdb.Noon.Add(slotDeadline)); wait != "" {
		t.Errorf("waits for %s", wait)
	}
	known.Release(good.UID)
	failed("a", "x")
	failed("b", "x2")
	known.acquire(good, all, 1, testdb.Noon.Add(slotDeadline))
	if wait := known.acquire(good, all, 1, testdb.Noon.Add(2*slotDeadline)); wait == "" {
		t.Error("a chart that fails in three namespaces is rolled out on")
	}
}

// In a namespace where upgrades failed several times, no more are begun: with each of them the others would have to wait.
func TestRolloutsThatFailInOneNamespace(t *testing.T) {
	var known Slots
	var all []v1.Database
	for n := range maxFailedRollouts {
		db := rolloutDatabase(fmt.Sprint("m", n))
		db.Namespace, db.Status.Release.RolloutTime = "mallory", &metav1.Time{Time: testdb.Noon}
		all = append(all, *db)
	}
	next := rolloutDatabase("next")
	next.Namespace = "mallory"
	known.acquire(next, all, 1, testdb.Noon)
	if wait := known.acquire(next, all, 1, testdb.Noon.Add(slotDeadline)); !strings.Contains(wait, "this namespace") {
		t.Errorf("waits for %q", wait)
	}
	if wait := known.acquire(rolloutDatabase("good"), all, 1, testdb.Noon.Add(slotDeadline+time.Second)); wait != "" {
		t.Errorf("another namespace waits for %q", wait)
	}
}

// What was deleted, or is, can't get ready: the rest need not wait for it.
func TestSlotsOfDeletedDatabases(t *testing.T) {
	one, two, three := rolloutDatabase("one"), rolloutDatabase("two"), rolloutDatabase("three")
	var known Slots
	all := []v1.Database{*one, *two, *three}
	if got := known.acquire(one, all, 1, testdb.Noon); got != "" {
		t.Fatalf("one waits for %s", got)
	}
	// Its finalizer was removed by hand.
	if got := known.acquire(two, all[1:], 1, testdb.Noon); got != "" {
		t.Errorf("two waits for %s, which is deleted", got)
	}
	all[1].DeletionTimestamp = &metav1.Time{Time: testdb.Noon}
	all[1].Status.Release.RolloutTime = &metav1.Time{}
	if got := known.acquire(three, all[1:], 1, testdb.Noon); got != "" {
		t.Errorf("three waits for %s, which is being deleted", got)
	}
}

func rolloutDatabase(name string) *v1.Database {
	return &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}}
}
