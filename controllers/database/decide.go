package database

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// state names what Helm's storage, the digest and the objects say of a release.
type state string

const (
	stateAbsent   state = "Absent"   // Helm has no such release
	stateForeign  state = "Foreign"  // a release of this name was not made for this Database
	statePending  state = "Pending"  // an action on it has begun and not ended
	stateFailed   state = "Failed"   // the last action failed, or somebody else removed the release
	stateOutdated state = "Outdated" // it was made of another chart or other values
	stateDrifted  state = "Drifted"  // an object is not as the chart made it
	stateCurrent  state = "Current"  // it is as it should be
)

// Helm's words for the status of a revision.
const (
	statusDeployed     = "deployed"
	statusFailed       = "failed"
	statusSuperseded   = "superseded"
	statusPending      = "pending-"
	statusUninstalling = "uninstalling"
)

// pendingGrace is how long an action may take until it is held for dead. No action of this process is under way when
// this is asked, since one worker handles a Database: only a leader that just lost its lease, or a person, may be at it.
const pendingGrace = 20 * time.Second

// conflictRecheck is how often a release that is not ours is looked at again.
const conflictRecheck = 30 * time.Second

const (
	firstBackoff = 10 * time.Second
	maxBackoff   = 5 * time.Minute
)

// situation is all that the decision is made from.
type situation struct {
	state  state
	stored *helm.Release
	// known is what the status says of the release: attempts that Helm did not store are counted only there.
	known  v1.ReleaseStatus
	digest string
	now    time.Time
}

type actionKind string

const (
	actionNone    actionKind = "None"
	actionWait    actionKind = "Wait"
	actionRefuse  actionKind = "Refuse"
	actionInstall actionKind = "Install"
	actionUpgrade actionKind = "Upgrade"
	actionRecover actionKind = "Recover"
	actionRepair  actionKind = "Repair"
)

// action is the one thing to do about a release.
type action struct {
	kind actionKind
	// wait is after what time to look again.
	wait time.Duration
}

// settled tells, without asking Helm, that there is nothing to do.
func settled(known v1.ReleaseStatus, digest string, drift []string) bool {
	return known.Status == statusDeployed && known.Digest == digest && len(drift) == 0
}

// stateOf names the state of a release.
func stateOf(stored *helm.Release, owner, digest string, drift []string) state {
	switch {
	case stored == nil:
		return stateAbsent
	case stored.Owner != owner:
		return stateForeign
	case strings.HasPrefix(stored.Status, statusPending), stored.Status == statusUninstalling:
		return statePending
	case stored.Status != statusDeployed:
		return stateFailed
	case stored.Digest != digest:
		return stateOutdated
	case len(drift) > 0:
		return stateDrifted
	default:
		return stateCurrent
	}
}

// decide chooses the action for a state.
func decide(in situation) action {
	switch in.state {
	case stateAbsent:
		return in.unlessFailed(actionInstall)
	case stateForeign:
		return action{kind: actionRefuse, wait: conflictRecheck}
	case statePending:
		if wait := pendingGrace - in.now.Sub(in.stored.Updated); wait > 0 {
			return action{kind: actionWait, wait: min(wait, pendingGrace)}
		}
		return action{kind: actionRecover}
	case stateFailed:
		if in.stored.Status == statusFailed || in.stored.Status == statusSuperseded {
			return in.unlessFailed(actionUpgrade)
		}
		// Helm does not upgrade what it holds for uninstalled, until it is marked as failed.
		return in.unlessFailed(actionRecover)
	case stateOutdated:
		return in.unlessFailed(actionUpgrade)
	case stateDrifted:
		if in.known.LastAttemptTime != nil {
			if wait := cacheLag - in.now.Sub(in.known.LastAttemptTime.Time); wait > 0 {
				return action{kind: actionWait, wait: min(wait, cacheLag)}
			}
		}
		return in.unlessFailed(actionRepair)
	default:
		return action{kind: actionNone}
	}
}

// unlessFailed is the action of a kind, put off where the same chart and values failed a short time ago.
func (in situation) unlessFailed(kind actionKind) action {
	if failures := in.failures(); failures > 0 && in.known.LastAttemptTime != nil {
		if wait := backoff(failures) - in.now.Sub(in.known.LastAttemptTime.Time); wait > 0 {
			// A clock that was set back must not make the wait longer.
			return action{kind: actionWait, wait: min(wait, maxBackoff)}
		}
	}
	return action{kind: kind}
}

// failures is how often the same chart and values failed in a row.
func (in situation) failures() int32 {
	if in.known.AttemptedDigest != in.digest {
		return 0
	}
	return in.known.Failures
}

// backoff is the wait after a number of failures.
func backoff(failures int32) time.Duration {
	wait := firstBackoff
	for range failures - 1 {
		if wait *= 2; wait >= maxBackoff {
			return maxBackoff
		}
	}
	return wait
}

// event tells of an action that succeeded.
func (do action) event(in situation, status v1.ReleaseStatus, drift []string) event {
	release := fmt.Sprintf("release %s, revision %d, chart %s", status.Name, status.Revision, status.ChartVersion)
	switch do.kind {
	case actionInstall:
		return normal("Installed", "Install", "Installed "+release)
	case actionUpgrade:
		return normal("Upgraded", "Upgrade", "Upgraded "+release)
	case actionRecover:
		return normal("Recovered", "Recover", fmt.Sprintf("Release %s was %s; upgraded %s", status.Name, in.stored.Status, release))
	default:
		return normal("Repaired", "Repair", "Set back what had changed: "+strings.Join(slices.Compact(drift), ", "))
	}
}
