package release

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// afterAction is the report of an install or upgrade that ended with err.
func afterAction(in situation, stored *helm.Release, err error, now time.Time) Result {
	status := in.known
	if stored != nil {
		status = asStored(in.known, stored)
	}
	status.LastAttemptTime = &metav1.Time{Time: now}
	if err == nil {
		status = succeeded(status)
		return Result{Status: status, Current: true, Events: []step.Event{in.event(status)}, Recheck: cacheLag}
	}
	status.Failures = in.failures() + 1
	status.AttemptedDigest = in.digest
	status.LastFailureReason, status.LastFailureMessage = v1.ReasonReleaseFailed, step.Shortened(err.Error(), step.MaxMessage)
	if errors.Is(err, helm.ErrNotOurs) {
		status.LastFailureReason = v1.ReasonNameConflict
	}
	return Result{Status: status, Recheck: backoff(status.Failures), Problem: lastFailure(status)}
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
func waitResult(do action, in situation, found owned) Result {
	result := Result{Status: asStored(in.known, in.stored), Recheck: do.wait}
	switch {
	case in.state() == stateDrifted && in.failures() == 0: // the cache is behind the action
		result.Current, result.Rolling = true, found.server
	case in.state() == statePending:
		result.Waiting = fmt.Sprintf("the %s of release %s, which another process may still be working on",
			strings.TrimPrefix(in.stored.Status, statusPending), in.known.Name)
	case in.known.LastFailureMessage != "":
		result.Problem = lastFailure(in.known)
	default:
		result.Problem = step.NewProblem(v1.ReasonReleaseFailed, "release %s failed, and is tried again in %s", in.known.Name, do.wait.Round(time.Second))
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

// IsRefusal reports whether the API server said no, as for a quota, a policy or a webhook: that lasts, other than a stale
// read or an API server that is away.
func IsRefusal(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && !helm.IsTransient(err) && !step.IsStaleRead(err)
}
