package database

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(-d)} }

func TestStateAndDecision(t *testing.T) {
	drift := []string{"Service x (missing)"}
	for _, test := range []struct {
		name   string
		stored *helm.Release // nil: Helm has none
		known  v1.ReleaseStatus
		drift  []string
		state  state
		want   action
	}{
		{"nothing there", nil, v1.ReleaseStatus{}, drift, stateAbsent, action{kind: actionInstall}},
		{
			"nothing there, and it failed just now", nil,
			v1.ReleaseStatus{Failures: 1, AttemptedDigest: "new", LastAttemptTime: ago(time.Second)},
			drift,
			stateAbsent,
			action{actionWait, 9 * time.Second},
		},
		{
			"nothing there, and something else failed just now", nil,
			v1.ReleaseStatus{Failures: 1, AttemptedDigest: "old", LastAttemptTime: ago(time.Second)},
			drift,
			stateAbsent,
			action{kind: actionInstall},
		},
		{
			"somebody's own release", &helm.Release{Status: "deployed"},
			v1.ReleaseStatus{},
			nil,
			stateForeign,
			action{actionRefuse, conflictRecheck},
		},
		{
			"the release of another Database", &helm.Release{Status: "deployed", Owner: "other"},
			v1.ReleaseStatus{},
			nil,
			stateForeign,
			action{actionRefuse, conflictRecheck},
		},
		{
			"an install that has just begun", &helm.Release{Status: "pending-install", Owner: "db", Updated: noon.Add(-time.Second)},
			v1.ReleaseStatus{},
			nil, statePending,
			action{actionWait, 19 * time.Second},
		},
		{
			"an install begun in the future, by a clock that is ahead",
			&helm.Release{Status: "pending-install", Owner: "db", Updated: noon.Add(time.Hour)},
			v1.ReleaseStatus{},
			nil, statePending,
			action{actionWait, pendingGrace},
		},
		{
			"an install that was cut off", &helm.Release{Status: "pending-install", Owner: "db", Updated: noon.Add(-time.Minute)},
			v1.ReleaseStatus{},
			nil, statePending,
			action{kind: actionRecover},
		},
		{
			"an upgrade that was cut off", &helm.Release{Status: "pending-upgrade", Owner: "db", Updated: noon.Add(-time.Minute)},
			v1.ReleaseStatus{},
			nil, statePending,
			action{kind: actionRecover},
		},
		{
			"an uninstall by hand that was cut off", &helm.Release{Status: "uninstalling", Owner: "db", Updated: noon.Add(-time.Minute)},
			v1.ReleaseStatus{},
			nil, statePending,
			action{kind: actionRecover},
		},
		{
			"uninstalled by hand, with its history kept", &helm.Release{Status: "uninstalled", Owner: "db"},
			v1.ReleaseStatus{},
			nil,
			stateFailed,
			action{kind: actionRecover},
		},
		{
			"failed a while ago", &helm.Release{Status: "failed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{Failures: 2, AttemptedDigest: "new", LastAttemptTime: ago(20 * time.Second)},
			nil,
			stateFailed,
			action{kind: actionUpgrade},
		},
		{
			"failed just now", &helm.Release{Status: "failed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{Failures: 2, AttemptedDigest: "new", LastAttemptTime: ago(5 * time.Second)},
			nil,
			stateFailed,
			action{actionWait, 15 * time.Second},
		},
		{
			"failed in the future, by a clock that was set back", &helm.Release{Status: "failed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{Failures: 9, AttemptedDigest: "new", LastAttemptTime: ago(-time.Hour)},
			nil,
			stateFailed,
			action{actionWait, maxBackoff},
		},
		{
			"failed, and the spec was mended", &helm.Release{Status: "failed", Owner: "db", Digest: "old"},
			v1.ReleaseStatus{Failures: 9, AttemptedDigest: "old", LastAttemptTime: ago(time.Second)},
			nil,
			stateFailed,
			action{kind: actionUpgrade},
		},
		{
			"other values", &helm.Release{Status: "deployed", Owner: "db", Digest: "old"},
			v1.ReleaseStatus{},
			drift,
			stateOutdated,
			action{kind: actionUpgrade},
		},
		{
			"other values, of which Helm stored no attempt", &helm.Release{Status: "deployed", Owner: "db", Digest: "old"},
			v1.ReleaseStatus{Failures: 1, AttemptedDigest: "new", LastAttemptTime: ago(0)},
			nil,
			stateOutdated,
			action{actionWait, 10 * time.Second},
		},
		{
			"an object missing", &helm.Release{Status: "deployed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{},
			drift,
			stateDrifted,
			action{kind: actionRepair},
		},
		{
			"an object not in the cache yet", &helm.Release{Status: "deployed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{LastAttemptTime: ago(time.Second)},
			drift, stateDrifted,
			action{actionWait, 4 * time.Second},
		},
		{
			"all well", &helm.Release{Status: "deployed", Owner: "db", Digest: "new"},
			v1.ReleaseStatus{},
			nil,
			stateCurrent,
			action{kind: actionNone},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := stateOf(test.stored, "db", "new", test.drift)
			if got != test.state {
				t.Errorf("state is %s, want %s", got, test.state)
			}
			do := decide(situation{state: got, stored: test.stored, known: test.known, digest: "new", now: noon})
			if do != test.want {
				t.Errorf("action is %+v, want %+v", do, test.want)
			}
		})
	}
}

func TestSettled(t *testing.T) {
	known := v1.ReleaseStatus{Status: "deployed", Digest: "new"}
	for _, test := range []struct {
		name   string
		known  v1.ReleaseStatus
		digest string
		drift  []string
		want   bool
	}{
		{"all well", known, "new", nil, true},
		{"other values", known, "newer", nil, false},
		{"drift", known, "new", []string{"x"}, false},
		{"failed", v1.ReleaseStatus{Status: "failed", Digest: "new"}, "new", nil, false},
		{"never seen", v1.ReleaseStatus{}, "", nil, false},
	} {
		if got := settled(test.known, test.digest, test.drift); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int32]time.Duration{
		1: 10 * time.Second, 2: 20 * time.Second, 5: 160 * time.Second, 6: 5 * time.Minute, 1 << 30: 5 * time.Minute,
	} {
		if got := backoff(failures); got != want {
			t.Errorf("%d failures: %s, want %s", failures, got, want)
		}
	}
}

func TestAfterAction(t *testing.T) {
	in := situation{digest: "new", now: noon, known: v1.ReleaseStatus{Name: "r", Failures: 2, AttemptedDigest: "new"}}
	deployed := &helm.Release{Revision: 3, Status: "deployed", Digest: "new", ChartVersion: "1"}

	done := afterAction(action{kind: actionUpgrade}, in, deployed, nil, nil)
	if !done.current || done.status.Failures != 0 || done.status.Digest != "new" || done.events[0].reason != "Upgraded" {
		t.Errorf("succeeded: %+v", done)
	}
	failed := afterAction(action{kind: actionUpgrade}, in, &helm.Release{Revision: 3, Status: "failed", Digest: "new"}, errors.New("no"), nil)
	if failed.current || failed.status.Failures != 3 || failed.status.Digest != "" || failed.problem.message != "no" || failed.recheck != backoff(3) {
		t.Errorf("failed: %+v, %+v", failed, failed.problem)
	}
	in.known.AttemptedDigest = "old"
	if first := afterAction(action{kind: actionInstall}, in, nil, errors.New("no"), nil); first.status.Failures != 1 || first.status.AttemptedDigest != "new" {
		t.Errorf("failed with other values: %+v", first)
	}
}
