package database

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// Releases is what the reconciler needs of Helm. Observe returns nil for a release that is not there.
type Releases interface {
	Render(owner client.Object, name string, values map[string]any) (*helm.Desired, error)
	Observe(ctx context.Context, owner client.Object, name string, trusted ...string) (*helm.Release, error)
	Install(ctx context.Context, want *helm.Desired) (*helm.Release, error)
	Upgrade(ctx context.Context, want *helm.Desired, from *helm.Release) (*helm.Release, error)
	Apply(ctx context.Context, owner client.Object, name string, object *unstructured.Unstructured) error
	Uninstall(ctx context.Context, owner client.Object, name string, trusted ...string) error
}

// releaseResult is what came of a release.
type releaseResult struct {
	status v1.ReleaseStatus
	// current: what was asked for is installed.
	current bool
	// rolling: the StatefulSet was just changed, and the cache does not show it so.
	rolling bool
	// slot: the release is current as far as the spec goes, and waits for a slot to be upgraded to a newer chart.
	slot bool
	// waiting says what the operator does or waits for.
	waiting string
	problem *step.Problem
	events  []step.Event
	recheck time.Duration
}

// ensureRelease brings the release to what the chart renders, by one action at most. While it is blocked, as by a Secret
// that is missing, or waits for a rollout slot, it is kept as it is stored.
func (r *Reconciler) ensureRelease(ctx context.Context, p *pass, want *helm.Desired, blocked bool) (releaseResult, error) {
	known := p.db.Status.Release
	known.Name = want.Name
	switch {
	case known.Digest == want.Digest:
	case known.Status != statusDeployed && blocked: // what is to be restored is not known
		return releaseResult{status: known}, nil
	case known.Status == statusDeployed:
		wait := ""
		if !blocked && isRollout(p.db, p.seen.server.Ready, p.track.pinned != "") {
			var err error
			if wait, err = r.slot(ctx, p.db); err != nil {
				return releaseResult{status: known}, err
			}
		}
		if blocked || wait != "" {
			if result, err := r.pin(ctx, p, known, wait); result != nil || err != nil {
				return *result, err
			}
		}
	}
	p.track.pinned = ""
	found, err := r.inspect(ctx, want.Objects)
	if err != nil {
		return releaseResult{status: known}, err
	}
	if p.seen.data.Problem != nil {
		found = found.withoutData()
	}
	p.cronJob = found.cronJob
	if settled(known, want.Digest, len(found.drift) > 0) {
		known = succeeded(known)
		known.Generation = p.db.Generation
		return releaseResult{status: known, current: true}, nil
	}
	if blocked {
		return r.repair(ctx, p, known, found)
	}
	return r.act(ctx, p, known, want, found)
}

// act observes, decides, and carries the decision out.
func (r *Reconciler) act(ctx context.Context, p *pass, known v1.ReleaseStatus, want *helm.Desired, found owned) (releaseResult, error) {
	stored, err := r.Releases.Observe(ctx, p.db, want.Name, want.Digest, known.Digest)
	if err != nil {
		return releaseResult{status: known}, err
	}
	in := p.situation(known, stored, want.Digest, len(found.drift) > 0)
	do := decide(in)
	started := r.Clock.Now()
	result, err := r.run(ctx, p, do, in, want, found)
	if do.kind == actionUpgrade && err == nil && in.state() == stateOutdated && isRollout(p.db, p.seen.server.Ready, false) {
		result.status.RolloutTime = &metav1.Time{Time: started}
	}
	releaseActions.observe(do.kind, result, err, r.Clock.Since(started))
	return result, err
}

// run carries out one action, and reports what Helm has stored after it.
func (r *Reconciler) run(
	ctx context.Context, p *pass, do action, in situation, want *helm.Desired, found owned,
) (releaseResult, error) {
	var stored *helm.Release
	var err error
	switch do.kind {
	case actionNone:
		status := asStored(in.known, in.stored)
		status.Generation = p.db.Generation
		return releaseResult{status: status, current: true}, nil
	case actionWait:
		result := waitResult(do, in, found)
		if in.known.Digest != "" && in.failures() > 0 {
			r.restoreMissing(ctx, p, found, &result)
		}
		return result, nil
	case actionRefuse:
		return releaseResult{
			status: v1.ReleaseStatus{Name: want.Name}, recheck: do.wait,
			problem: step.NewProblem(v1.ReasonNameConflict, "Helm release %s is not this Database's, and is left alone: "+
				"uninstall it, or give the Database another name", want.Name),
		}, nil
	case actionRepair:
		status := asStored(in.known, in.stored)
		status.Generation = p.db.Generation
		return r.repair(ctx, p, status, found)
	case actionInstall:
		stored, err = r.Releases.Install(ctx, want)
	case actionUpgrade:
		if in.state() == stateModified {
			if wait, _ := p.track.repairs.wait("the release", strconv.FormatInt(in.stored.Revision, 10), p.now); wait > 0 {
				return releaseResult{status: in.known, recheck: wait, waiting: "the next correction of a release that somebody else changes"}, nil
			}
		}
		stored, err = r.Releases.Upgrade(ctx, want, in.stored)
	}
	if helm.IsTransient(err) {
		return releaseResult{status: in.known}, err
	}
	p.track.acted = r.Clock.Now()
	result := afterAction(in, stored, err, p.now)
	if err == nil {
		result.status.Generation = p.db.Generation
		result.rolling = found.server
	} else {
		// What is refused is not the server's.
		result.problem.Serving = !found.server
	}
	return result, nil
}

// repair restores the objects that drifted, each by itself: one that is refused does not keep the others from it.
func (r *Reconciler) repair(ctx context.Context, p *pass, status v1.ReleaseStatus, found owned) (releaseResult, error) {
	result := releaseResult{status: status, current: true}
	due, wait, fight := p.track.repairs.due(found.drift, p.now)
	result.recheck = wait
	if fight != nil {
		result.problem = r.contested(ctx, fight)
	}
	if len(due) == 0 {
		return result, nil
	}
	var failed []error
	var names []string
	for _, different := range due {
		names = append(names, different.String())
		if err := r.Releases.Apply(ctx, p.db, status.Name, different.rendered); err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		if helm.IsTransient(err) {
			return result, err
		}
		result.problem = step.NewProblem(v1.ReasonReleaseFailed, "%v", err)
		result.recheck = step.Sooner(wait, firstBackoff)
		return result, nil
	}
	result.recheck = step.Sooner(wait, cacheLag)
	result.events = []step.Event{step.Normal("Repaired", "Repair", "Restored "+strings.Join(names, ", "))}
	return result, nil
}

// restoreMissing restores what was deleted of a release while the next try to change it is put off: that may be minutes
// away, and what it fails for may be something that the server does without. What is refused is what the release
// reports.
func (r *Reconciler) restoreMissing(ctx context.Context, p *pass, found owned, result *releaseResult) {
	due, wait, _ := p.track.repairs.due(found.missing(), p.now)
	result.recheck = step.Sooner(result.recheck, wait)
	for _, different := range due {
		if err := r.Releases.Apply(ctx, p.db, result.status.Name, different.rendered); err == nil {
			result.events = append(result.events, step.Normal("Repaired", "Repair", "Restored "+different.String()))
		}
	}
}

// pin keeps the release as it is stored, as far as that is the operator's own. It returns nil where it is not: then there
// is nothing to wait with. Helm is asked only where an object changed.
func (r *Reconciler) pin(ctx context.Context, p *pass, known v1.ReleaseStatus, wait string) (*releaseResult, error) {
	result := &releaseResult{status: known, current: true}
	if wait != "" {
		result.slot, result.waiting, result.recheck = true, wait, slotRecheck
	}
	mark, err := r.fingerprint(ctx, p.db)
	if err != nil || mark == p.track.pinned {
		return result, err
	}
	stored, err := r.Releases.Observe(ctx, p.db, known.Name, known.Digest)
	if err != nil {
		return result, err
	}
	if stored == nil || !stored.Verified || stored.Status != statusDeployed {
		if wait == "" { // but what it is to be can't be installed either
			p.track.pinned = mark
			return result, nil
		}
		return nil, nil
	}
	objects, err := helm.ParseManifest(stored.Manifest)
	if err != nil {
		return result, fmt.Errorf("release %s: %w", known.Name, err)
	}
	found, err := r.inspect(ctx, withoutClaims(objects))
	if err != nil {
		return result, err
	}
	if p.seen.data.Problem != nil {
		found = found.withoutData()
	}
	p.cronJob = found.cronJob
	p.track.pinned = mark
	if len(found.drift) == 0 {
		return result, nil
	}
	repaired, err := r.repair(ctx, p, known, found)
	result.problem, result.events = repaired.problem, repaired.events
	result.recheck = step.Sooner(result.recheck, repaired.recheck)
	if err != nil || repaired.problem != nil || len(repaired.events) == 0 {
		p.track.pinned = "again" // not as it is stored yet
	}
	return result, err
}
