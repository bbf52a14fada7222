package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/internal/helm"
)

// Digests of manifests.
var oldDigest, newDigest = strings.Repeat("0", 64), strings.Repeat("1", 64)

func TestStateAndDecision(t *testing.T) {
	// release is one that the operator stored, of that content.
	release := func(status, digest string) *helm.Release {
		return &helm.Release{Status: status, Owner: "uid", Namespace: "ns", Verified: digest != "", Digest: digest}
	}
	with := func(r *helm.Release, edit func(*helm.Release)) *helm.Release { edit(r); return r }
	installed := v1.ReleaseStatus{Revision: 1, Status: statusDeployed, Digest: newDigest}
	legacy := v1.ReleaseStatus{Revision: 1, Status: statusDeployed, Digest: strings.Repeat("0", 32)}
	failed := func(times int32, digest string) v1.ReleaseStatus {
		return v1.ReleaseStatus{Revision: 1, Failures: times, AttemptedDigest: digest, Digest: oldDigest}
	}
	upgrade := action{kind: actionUpgrade}
	for _, test := range []struct {
		name   string
		stored *helm.Release // nil: Helm has none
		known  v1.ReleaseStatus
		drift  bool
		// seen, attempted and acted are times that the process has seen pass.
		seen, attempted, acted time.Duration
		state                  state
		want                   action
	}{
		{name: "nothing there", drift: true, state: stateAbsent, want: action{kind: actionInstall}},
		{
			name: "nothing there, and it failed just now", known: failed(1, newDigest), attempted: time.Second,
			state: stateAbsent, want: action{actionWait, 9 * time.Second},
		},
		{
			name: "nothing there, and something else failed just now", known: failed(1, oldDigest), attempted: time.Second,
			state: stateAbsent, want: action{kind: actionInstall},
		},
		{name: "uninstalled by hand", known: installed, state: stateAbsent, want: action{kind: actionInstall}},
		{
			name: "somebody's own release", stored: &helm.Release{Status: "deployed", Namespace: "ns"},
			state: stateConflict, want: action{actionRefuse, conflictRecheck},
		},
		{
			name: "somebody's own release in the place of ours", stored: &helm.Release{Status: "deployed", Namespace: "ns"}, known: installed,
			state: stateModified, want: upgrade,
		},
		{
			name: "that of another Database of the name", stored: with(release("deployed", ""), func(r *helm.Release) { r.Owner = "other" }),
			state: stateForeign, want: upgrade,
		},
		{
			name: "that of another namespace", stored: with(release("deployed", ""), func(r *helm.Release) { r.Namespace = "prod" }),
			state: stateForeign, want: upgrade,
		},
		{
			name: "a copy of version 0.2.0's", stored: with(release("deployed", ""), func(r *helm.Release) { r.Owner, r.Namespace = "db", "prod" }),
			state: stateForeign, want: upgrade,
		},
		{
			name: "version 0.2.0's", stored: with(release("deployed", ""), func(r *helm.Release) { r.Owner = "db" }), known: legacy,
			state: stateOutdated, want: upgrade,
		},
		{
			name: "version 0.2.0's that failed", stored: with(release("failed", ""), func(r *helm.Release) { r.Owner = "db" }), known: legacy,
			state: stateFailed, want: upgrade,
		},
		{name: "planted before the Database", stored: release("deployed", ""), state: stateOutdated, want: upgrade},
		{name: "a hand-made upgrade, or an edit", stored: release("deployed", ""), known: installed, state: stateModified, want: upgrade},
		{
			name: "our own, without its labels", stored: with(release("deployed", newDigest), func(r *helm.Release) { r.Owner = "" }), known: installed,
			state: stateCurrent, want: action{kind: actionNone},
		},
		{name: "an install that was just seen", stored: release("pending-install", newDigest), state: statePending, want: action{actionWait, pendingGrace}},
		{name: "an install that was cut off", stored: release("pending-install", newDigest), seen: pendingGrace, state: statePending, want: upgrade},
		{name: "an uninstall that was cut off", stored: release("uninstalling", newDigest), seen: pendingGrace, state: statePending, want: upgrade},
		{name: "uninstalled by hand, with its history kept", stored: release("uninstalled", newDigest), state: stateFailed, want: upgrade},
		{name: "what can't be read", stored: &helm.Release{Status: "failed", Owner: "uid"}, known: installed, state: stateForeign, want: upgrade},
		{
			name: "failed a while ago", stored: release("failed", newDigest), known: failed(2, newDigest), attempted: 20 * time.Second,
			state: stateFailed, want: upgrade,
		},
		{
			name: "failed just now", stored: release("failed", newDigest), known: failed(2, newDigest), attempted: 5 * time.Second,
			state: stateFailed, want: action{actionWait, 15 * time.Second},
		},
		{
			name: "failed often, seen for the first time", stored: release("failed", newDigest), known: failed(9, newDigest),
			state: stateFailed, want: action{actionWait, maxBackoff},
		},
		{name: "failed, and the spec was fixed", stored: release("failed", oldDigest), known: failed(9, oldDigest), state: stateFailed, want: upgrade},
		{name: "other content", stored: release("deployed", oldDigest), drift: true, state: stateOutdated, want: upgrade},
		{
			name: "other content, of which Helm stored no attempt", stored: release("deployed", oldDigest), known: failed(1, newDigest),
			state: stateOutdated, want: action{actionWait, 10 * time.Second},
		},
		{
			name: "an object missing", stored: release("deployed", newDigest), known: installed, drift: true, acted: cacheLag,
			state: stateDrifted, want: action{kind: actionRepair},
		},
		{
			name: "an object not in the cache yet", stored: release("deployed", newDigest), known: installed, drift: true, acted: time.Second,
			state: stateDrifted, want: action{actionWait, 4 * time.Second},
		},
		{name: "all well", stored: release("deployed", newDigest), known: installed, state: stateCurrent, want: action{kind: actionNone}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := situation{
				stored: test.stored, known: test.known, uid: "uid", owner: "db", namespace: "ns", digest: newDigest,
				seen: test.seen, attempted: test.attempted, acted: test.acted, drift: test.drift,
			}
			if got := in.state(); got != test.state {
				t.Errorf("state is %s, want %s", got, test.state)
			}
			if do := decide(in); do != test.want {
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
		drift  bool
		want   bool
	}{
		{"all well", known, "new", false, true},
		{"other values", known, "newer", false, false},
		{"drift", known, "new", true, false},
		{"failed", v1.ReleaseStatus{Status: "failed", Digest: "new"}, "new", false, false},
		{"never seen", v1.ReleaseStatus{}, "", false, false},
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
	in := situation{
		digest: newDigest, stored: &helm.Release{Verified: true, Status: "deployed", Digest: oldDigest},
		known: v1.ReleaseStatus{Name: "r", Failures: 2, AttemptedDigest: newDigest, LastFailureMessage: "no"},
	}
	deployed := &helm.Release{Revision: 3, Status: "deployed", Verified: true, Digest: newDigest, ChartVersion: "1"}
	done := afterAction(in, deployed, nil, testdb.Noon)
	if !done.Current || done.Status.Failures != 0 || done.Status.Digest != newDigest || done.Status.LastFailureMessage != "" || done.Events[0].Reason != "Upgraded" {
		t.Errorf("succeeded: %+v", done)
	}
	failed := afterAction(in, &helm.Release{Revision: 3, Status: "failed", Verified: true, Digest: newDigest}, errors.New("no"), testdb.Noon)
	if failed.Current || failed.Status.Failures != 3 || failed.Status.Digest != "" || failed.Problem.Message != "no" || failed.Recheck != backoff(3) {
		t.Errorf("failed: %+v, %+v", failed, failed.Problem)
	}
	// While it waits for the next attempt, the last one's error still holds.
	in.known = failed.Status
	if waits := waitResult(action{actionWait, time.Second}, in, owned{}); waits.Problem == nil || waits.Problem.Message != "no" {
		t.Errorf("waits: %+v", waits.Problem)
	}
	in.known.AttemptedDigest = oldDigest
	if first := afterAction(in, nil, errors.New("no"), testdb.Noon); first.Status.Failures != 1 || first.Status.AttemptedDigest != newDigest {
		t.Errorf("failed with other content: %+v", first)
	}
}

// The reason of a failure is that of the error, whatever its words are, and stays until the next attempt.
func TestReasonOfFailure(t *testing.T) {
	for want, err := range map[string]error{
		v1.ReasonNameConflict:  fmt.Errorf("Service x: %w", helm.ErrNotOurs),
		v1.ReasonReleaseFailed: errors.New("a webhook denied the request: " + helm.ErrNotOurs.Error()),
	} {
		failed := afterAction(situation{digest: newDigest}, nil, err, testdb.Noon)
		waits := waitResult(action{actionWait, time.Second}, situation{digest: newDigest, known: failed.Status}, owned{})
		if failed.Problem.Reason != want || waits.Problem == nil || waits.Problem.Reason != want {
			t.Errorf("%v: %+v, then %+v", err, failed.Problem, waits.Problem)
		}
	}
	of020 := waitResult(action{actionWait, time.Second}, situation{known: v1.ReleaseStatus{LastFailureMessage: "no"}}, owned{})
	if of020.Problem.Reason != v1.ReasonReleaseFailed {
		t.Errorf("of version 0.2.0, which noted no reason: %+v", of020.Problem)
	}
}

// Whatever a stored release says, the status can be printed.
func TestForeignBytes(t *testing.T) {
	if got := asStored(v1.ReleaseStatus{}, &helm.Release{Status: "caf\xe9 \x1b[31m\x00"}).Status; got != "caf\uFFFD \uFFFD[31m\uFFFD" {
		t.Errorf("%q", got)
	}
}
