package database

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// Releases is what the reconciler needs of Helm. Observe returns nil for a release that is not there.
type Releases interface {
	Digest(values map[string]any) (string, error)
	Render(name, namespace string, values map[string]any) (helm.Objects, error)
	Observe(ctx context.Context, owner client.Object, name string) (*helm.Release, error)
	Install(ctx context.Context, owner client.Object, name string, values map[string]any) (*helm.Release, error)
	Upgrade(ctx context.Context, owner client.Object, name string, values map[string]any) (*helm.Release, error)
	Abandon(ctx context.Context, owner client.Object, name string) error
	Repair(ctx context.Context, owner client.Object, name string, objects helm.Objects) error
	Uninstall(ctx context.Context, owner client.Object, name string) error
}

// releaseResult is what came of a release.
type releaseResult struct {
	status v1.ReleaseStatus
	// current: what was asked for is installed, and nothing is left to do.
	current bool
	// changed: the objects were just made or changed, and the cache does not show them so.
	changed bool
	// turn: the release is current as far as the spec goes, and waits for its turn to be upgraded to a newer chart.
	turn bool
	// waiting says what the operator does or waits for.
	waiting string
	problem *problem
	events  []event
	recheck time.Duration
}

// ensureRelease brings the release to what has this digest, by one action at most.
func (r *Reconciler) ensureRelease(
	ctx context.Context, db *v1.Database, digest string, values map[string]any, found owned,
) (releaseResult, error) {
	name := releaseName(db)
	known, drift := db.Status.Release, found.drift
	known.Name = name
	if settled(known, digest, drift) {
		known.Failures, known.AttemptedDigest = 0, ""
		return releaseResult{status: known, current: true}, nil
	}
	stored, err := r.Releases.Observe(ctx, db, name)
	if err != nil {
		return releaseResult{}, err
	}
	now := r.Clock.Now()
	in := situation{state: stateOf(stored, db.Name, digest, drift), stored: stored, known: known, digest: digest, now: now}
	do := decide(in)
	if do.kind == actionRepair {
		if wait := r.repairs.wait(db.UID, drift, now); wait > 0 {
			do = action{kind: actionWait, wait: wait}
		}
	}
	result, err := r.run(ctx, db, do, in, values, found)
	if do.kind == actionUpgrade && err == nil && isRollout(db, digest) {
		result.status.RolloutTime = &metav1.Time{Time: now}
	}
	releaseActions.observe(do.kind, result, err, r.Clock.Since(now))
	return result, err
}

// run carries out one action, and reports what Helm has stored after it.
func (r *Reconciler) run(
	ctx context.Context, db *v1.Database, do action, in situation, values map[string]any, found owned,
) (releaseResult, error) {
	name := releaseName(db)
	var stored *helm.Release
	var err error
	switch do.kind {
	case actionNone:
		result := releaseResult{status: asStored(in.known, in.stored), current: true}
		if in.known.Revision == 0 {
			// The status did not know of the release, so this pass did not look at its objects.
			result.changed, result.recheck = true, staleRetry
		}
		return result, nil
	case actionWait:
		return waitResult(do, in, lastMessage(db)), nil
	case actionRefuse:
		return releaseResult{
			status: v1.ReleaseStatus{Name: name}, recheck: do.wait,
			problem: newProblem(v1.ReasonNameConflict, "Helm release %s is not this Database's, and is left alone: "+
				"uninstall it, or give the Database another name", name),
		}, nil
	case actionInstall:
		stored, err = r.Releases.Install(ctx, db, name, values)
	case actionUpgrade:
		stored, err = r.Releases.Upgrade(ctx, db, name, values)
	case actionRecover:
		if err = r.Releases.Abandon(ctx, db, name); err == nil {
			stored, err = r.Releases.Upgrade(ctx, db, name, values)
		}
	case actionRepair:
		if err = r.Releases.Repair(ctx, db, name, found.stored); err == nil {
			err = r.setReach(ctx, found.widened)
		}
	}
	if helm.IsTransient(err) {
		return releaseResult{}, err
	}
	if stored == nil {
		// What Helm stored is what holds, also of an action that failed.
		var observeErr error
		if stored, observeErr = r.Releases.Observe(ctx, db, name); observeErr != nil {
			return releaseResult{}, observeErr
		}
	}
	return afterAction(do, in, stored, err, found.drift), nil
}

// afterAction is the report of an install, upgrade, recovery or repair that ended with err.
func afterAction(do action, in situation, stored *helm.Release, err error, drift []string) releaseResult {
	status := asStored(in.known, stored)
	if do.kind != actionRepair || err != nil {
		status.LastAttemptTime = &metav1.Time{Time: in.now}
	}
	if err == nil {
		status.Failures, status.AttemptedDigest = 0, ""
		return releaseResult{
			status:  status,
			current: true,
			changed: true,
			events:  []event{do.event(in, status, drift)},
			recheck: cacheLag,
		}
	}
	status.Failures = in.failures() + 1
	status.AttemptedDigest = in.digest
	wait := backoff(status.Failures)
	return releaseResult{
		status:  status,
		recheck: wait,
		problem: newProblem(v1.ReasonReleaseFailed, "%v", err),
	}
}

// spare takes the server out of a failure that does not touch it: it was, before the attempt, already all that the spec
// asks, and what the API server refuses is only for backups.
func (r *releaseResult) spare(serverDrift bool) {
	if r.problem != nil && r.problem.reason == v1.ReasonReleaseFailed && !serverDrift {
		r.problem.serving, r.current = true, true
	}
}

func attempted(known v1.ReleaseStatus) time.Time {
	if known.LastAttemptTime == nil {
		return time.Time{}
	}
	return known.LastAttemptTime.Time
}

// lastMessage is what the condition Stalled says of a release that failed.
func lastMessage(db *v1.Database) string {
	stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
	if stalled == nil || stalled.Reason != v1.ReasonReleaseFailed {
		return ""
	}
	return stalled.Message
}

// waitResult is the report while an action is put off. What was last said of its failure still holds.
func waitResult(do action, in situation, said string) releaseResult {
	result := releaseResult{status: asStored(in.known, in.stored), recheck: do.wait}
	switch {
	case in.state == stateDrifted && in.failures() == 0:
		// The cache may be behind the action that made the objects, or a repair can't set what differs.
		result.current = true
		result.changed = in.now.Sub(attempted(in.known)) < cacheLag
	case in.state == statePending:
		result.waiting = fmt.Sprintf("the %s of release %s, which another process may still be working on",
			strings.TrimPrefix(in.stored.Status, "pending-"), in.known.Name)
	default:
		if said == "" && in.stored != nil && in.stored.Status == statusFailed {
			said = in.stored.Description
		}
		if said == "" {
			said = fmt.Sprintf("release %s failed, and is tried again in %s", in.known.Name, do.wait.Round(time.Second))
		}
		result.problem = newProblem(v1.ReasonReleaseFailed, "%s", said)
	}
	return result
}

// asStored is the release's status after Helm's storage was read. The history of attempts stays as it was.
func asStored(known v1.ReleaseStatus, stored *helm.Release) v1.ReleaseStatus {
	status := v1.ReleaseStatus{
		Name:            known.Name,
		AttemptedDigest: known.AttemptedDigest,
		Failures:        known.Failures,
		LastAttemptTime: known.LastAttemptTime,
		RolloutTime:     known.RolloutTime,
	}
	if stored == nil {
		return status
	}
	status.Revision = stored.Revision
	status.Status = stored.Status
	status.ChartVersion = stored.ChartVersion
	if stored.Status == statusDeployed {
		status.Digest = stored.Digest
	}
	return status
}

// cacheLag is for how long after an action the cache may not show what it made.
const cacheLag = 5 * time.Second
