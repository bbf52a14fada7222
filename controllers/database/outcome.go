package database

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// situation puts together what the decision is made from.
func (p *pass) situation(known v1.ReleaseStatus, stored *helm.Release, digest string, drift bool) situation {
	in := situation{
		stored: stored, known: known, uid: string(p.db.UID), owner: p.db.Name, namespace: p.db.Namespace,
		digest: digest, drift: drift, acted: cacheLag,
	}
	if stored != nil {
		in.seen = p.track.Since("revision", strconv.FormatInt(stored.Revision, 10), p.now)
	}
	if known.LastAttemptTime != nil {
		in.attempted = p.track.Since("attempt", known.LastAttemptTime.UTC().Format(time.RFC3339), p.now)
	}
	if !p.track.acted.IsZero() {
		in.acted = p.now.Sub(p.track.acted)
	}
	return in
}

// withoutClaims leaves out the volume claims, which may have grown since the release was stored.
func withoutClaims(objects helm.Objects) helm.Objects {
	var rest helm.Objects
	for _, object := range objects {
		if object.GetKind() != "PersistentVolumeClaim" {
			rest = append(rest, object)
		}
	}
	return rest
}

// afterAction is the report of an install or upgrade that ended with err.
func afterAction(in situation, stored *helm.Release, err error, now time.Time) releaseResult {
	status := in.known
	if stored != nil {
		status = asStored(in.known, stored)
	}
	status.LastAttemptTime = &metav1.Time{Time: now}
	if err == nil {
		status = succeeded(status)
		return releaseResult{status: status, current: true, events: []step.Event{in.event(status)}, recheck: cacheLag}
	}
	status.Failures = in.failures() + 1
	status.AttemptedDigest = in.digest
	status.LastFailureReason, status.LastFailureMessage = v1.ReasonReleaseFailed, step.Shortened(err.Error(), step.MaxMessage)
	if errors.Is(err, helm.ErrNotOurs) {
		status.LastFailureReason = v1.ReasonNameConflict
	}
	return releaseResult{status: status, recheck: backoff(status.Failures), problem: lastFailure(status)}
}

// succeeded is a release's status without failed attempts.
func succeeded(status v1.ReleaseStatus) v1.ReleaseStatus {
	status.Failures, status.AttemptedDigest, status.LastFailureReason, status.LastFailureMessage = 0, "", "", ""
	return status
}

// lastFailure is the same when an action fails and while the next one is put off.
func lastFailure(status v1.ReleaseStatus) *step.Problem {
	return step.NewProblem(cmp.Or(status.LastFailureReason, v1.ReasonReleaseFailed), "%s", status.LastFailureMessage)
}

// waitResult is the report while an action is put off.
func waitResult(do action, in situation, found owned) releaseResult {
	result := releaseResult{status: asStored(in.known, in.stored), recheck: do.wait}
	switch {
	case in.state() == stateDrifted && in.failures() == 0: // the cache is behind the action
		result.current, result.rolling = true, found.server
	case in.state() == statePending:
		result.waiting = fmt.Sprintf("the %s of release %s, which another process may still be working on",
			strings.TrimPrefix(in.stored.Status, statusPending), in.known.Name)
	case in.known.LastFailureMessage != "":
		result.problem = lastFailure(in.known)
	default:
		result.problem = step.NewProblem(v1.ReasonReleaseFailed, "release %s failed, and is tried again in %s", in.known.Name, do.wait.Round(time.Second))
	}
	return result
}

// asStored is the release's status after Helm's storage was read. The history of attempts stays as it was.
func asStored(known v1.ReleaseStatus, stored *helm.Release) v1.ReleaseStatus {
	status := known
	status.Revision, status.Status, status.ChartVersion = 0, "", ""
	if stored == nil {
		status.Digest = ""
		return status
	}
	status.Revision = stored.Revision
	status.Status = step.Shortened(stored.Status, 32)
	status.ChartVersion = stored.ChartVersion
	if stored.Status == statusDeployed && stored.Verified {
		status.Digest = stored.Digest
	}
	return status
}
