package release

import (
	"fmt"
	"strings"
	"time"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// state names what Helm's storage, the digest and the objects say of a release.
type state string

const (
	stateAbsent   state = "Absent"   // Helm has no such release
	stateConflict state = "Conflict" // a release of this name was never the operator's
	statePending  state = "Pending"  // an action on it has begun and not ended
	stateFailed   state = "Failed"   // the last action failed, or somebody else removed the release
	stateForeign  state = "Foreign"  // what is stored is of another Database, or of one of another namespace
	stateModified state = "Modified" // somebody else installed, rolled back or edited it
	stateOutdated state = "Outdated" // it has other content than the chart renders now
	stateDrifted  state = "Drifted"  // an object is not as the chart renders it
	stateCurrent  state = "Current"  // it is as it should be
)

// Helm's words for the status of a revision.
const (
	statusDeployed     = "deployed"
	statusFailed       = "failed"
	statusPending      = "pending-"
	statusUninstalling = "uninstalling"
)

// pendingGrace is for how long an action of somebody else is waited for, since it was first seen. No action of this
// process is under way when this is asked, since one worker handles a Database: only a leader that just lost its lease, or
// a user, may be at it.
const pendingGrace = 10 * time.Second

// conflictRecheck is how often a release that is not ours is looked at again.
const conflictRecheck = 30 * time.Second

// cacheLag is for how long after an action the cache may not show its result.
const cacheLag = 5 * time.Second

const (
	firstBackoff = 10 * time.Second
	maxBackoff   = 5 * time.Minute
)

// situation is all that the decision is made from.
type situation struct {
	stored *helm.Release
	// known is what the status says of the release, which only the operator writes.
	known v1.ReleaseStatus
	// uid and owner are the Database's, namespace is where it is.
	uid, owner, namespace string
	// digest is that of what the chart renders now.
	digest string
	drift  bool
	// Times that this process has seen pass: since the newest revision was first seen, since the last attempt to install
	// or upgrade, and since one succeeded.
	seen, attempted, acted time.Duration
}

type actionKind string

const (
	actionNone    actionKind = "None"
	actionWait    actionKind = "Wait"
	actionRefuse  actionKind = "Refuse"
	actionInstall actionKind = "Install"
	actionUpgrade actionKind = "Upgrade"
	actionRepair  actionKind = "Repair"
)

// action is the one thing to do about a release.
type action struct {
	kind actionKind
	// wait is after what time to look again.
	wait time.Duration
}

// settled reports, without asking Helm, that there is nothing to do.
func settled(known v1.ReleaseStatus, digest string, drift bool) bool {
	return known.Status == statusDeployed && known.Digest == digest && !drift
}

// state names the state of a release. Labels and what is stored are the tenant's to write: they only decide what is
// reported, and whether a release that was never ours is left alone.
func (in situation) state() state {
	stored := in.stored
	switch {
	case stored == nil:
		return stateAbsent
	case !stored.Verified && stored.Owner == "" && in.known.Revision == 0:
		return stateConflict
	case strings.HasPrefix(stored.Status, statusPending), stored.Status == statusUninstalling:
		return statePending
	case !stored.Verified && !in.owned():
		return stateForeign
	case stored.Status != statusDeployed:
		return stateFailed
	case !stored.Verified && isManifestDigest(in.known.Digest):
		return stateModified
	case stored.Digest != in.digest:
		return stateOutdated
	case in.drift:
		return stateDrifted
	default:
		return stateCurrent
	}
}

// owned reports whether what is stored says that it is this Database's. Up to version 0.2.0 it named the Database only.
func (in situation) owned() bool {
	stored := in.stored
	legacy := stored.Owner == in.owner && !isManifestDigest(in.known.Digest)
	return stored.Namespace == in.namespace && (stored.Owner == in.uid || stored.Owner == "" || legacy)
}

// isManifestDigest distinguishes a digest of a manifest from that of version 0.2.0, which was half as long and of
// something else.
func isManifestDigest(digest string) bool { return len(digest) == 64 }

// decide chooses the action for a situation.
func decide(in situation) action {
	switch in.state() {
	case stateAbsent:
		return in.withBackoff(actionInstall)
	case stateConflict:
		return action{kind: actionRefuse, wait: conflictRecheck}
	case statePending:
		if wait := pendingGrace - in.seen; wait > 0 {
			return action{kind: actionWait, wait: wait}
		}
		return in.withBackoff(actionUpgrade)
	case stateDrifted:
		if wait := cacheLag - in.acted; wait > 0 {
			return action{kind: actionWait, wait: wait}
		}
		return in.withBackoff(actionRepair)
	case stateCurrent:
		return action{kind: actionNone}
	default:
		return in.withBackoff(actionUpgrade)
	}
}

// withBackoff is the action of a kind, put off where the same content failed a short time ago.
func (in situation) withBackoff(kind actionKind) action {
	if failures := in.failures(); failures > 0 {
		if wait := backoff(failures) - in.attempted; wait > 0 {
			return action{kind: actionWait, wait: wait}
		}
	}
	return action{kind: kind}
}

// failures is how often the same content failed in a row.
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

// event reports an install or upgrade that succeeded, and what it was for.
func (in situation) event(status v1.ReleaseStatus) step.Event {
	release := fmt.Sprintf("release %s, revision %d, chart %s", status.Name, status.Revision, status.ChartVersion)
	switch state := in.state(); state {
	case stateAbsent:
		if in.known.Revision > 0 {
			return step.Warning("Reinstalled", "Install", "Somebody uninstalled the release. Installed "+release)
		}
		return step.Normal("Installed", "Install", "Installed "+release)
	case stateForeign:
		return step.Warning("ReleaseReplaced", "Upgrade", fmt.Sprintf("The stored revision %d was of another Database (%q, namespace %q). Installed %s",
			in.stored.Revision, in.stored.Owner, step.Shortened(in.stored.Namespace, 63), release))
	case stateModified:
		return step.Warning("ReleaseReplaced", "Upgrade", fmt.Sprintf("Revision %d (%s) was not the operator's. Replaced it by %s",
			in.stored.Revision, step.Shortened(in.stored.Description, 100), release))
	case statePending, stateFailed:
		return step.Normal("Recovered", "Upgrade", fmt.Sprintf("Revision %d was %s. Upgraded %s", in.stored.Revision, in.stored.Status, release))
	default:
		return step.Normal("Upgraded", "Upgrade", "Upgraded "+release)
	}
}

// Conflicts reports whether a stored release was never this operator's.
func Conflicts(stored *helm.Release, known v1.ReleaseStatus) bool {
	return situation{stored: stored, known: known}.state() == stateConflict
}
