package release

import (
	"context"
	"errors"
	"strconv"
	"strings"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// do carries out one action, and reports what Helm has stored after it.
func (r *run) do(ctx context.Context, do action, in situation, want *helm.Desired, seen observed) (Result, error) {
	var stored *helm.Release
	var err error
	switch do.kind {
	case actionNone:
		status := asStored(in.known, in.stored)
		status.Generation = r.db.Generation
		return Result{Status: status, Current: true}, nil
	case actionWait:
		result := waitResult(do, in, seen.found)
		if in.known.Digest != "" && in.failures() > 0 {
			r.restoreMissing(ctx, seen.found, &result)
		}
		return result, nil
	case actionRefuse:
		return Result{
			Status: v1.ReleaseStatus{Name: want.Name}, Recheck: do.wait,
			Problem: step.NewProblem(v1.ReasonNameConflict, "Helm release %s is not this Database's, and is left alone: "+
				"uninstall it, or give the Database another name", want.Name),
		}, nil
	case actionRepair:
		status := asStored(in.known, in.stored)
		status.Generation = r.db.Generation
		return r.repair(ctx, status, seen)
	case actionInstall:
		stored, err = r.Releases.Install(ctx, want)
	case actionUpgrade:
		if in.state() == stateModified {
			revision := strconv.FormatInt(in.stored.Revision, 10)
			if wait, _ := r.memory.repairs.wait("the release", revision, r.now); wait > 0 {
				return Result{Status: in.known, Recheck: wait, Waiting: "the next correction of a release that somebody else changes"}, nil
			}
			r.memory.repairs.note("the release", revision, r.now)
		}
		stored, err = r.Releases.Upgrade(ctx, want, in.stored)
	}
	if helm.IsTransient(err) {
		return Result{Status: in.known}, err
	}
	r.memory.acted = r.Clock.Now()
	result := afterAction(in, stored, err, r.now)
	if err == nil {
		result.Status.Generation = r.db.Generation
		result.Rolling = seen.found.server
	} else {
		// What is refused is not the server's.
		result.Problem.Serving = !seen.found.server
	}
	return result, nil
}

// repair restores the objects that drifted, each by itself: one that is refused does not keep the others from it.
func (r *run) repair(ctx context.Context, status v1.ReleaseStatus, seen observed) (Result, error) {
	result := Result{Status: status, Current: true}
	due, wait, fight := r.memory.repairs.due(seen.found.drift, r.now)
	result.Recheck = wait
	if fight != nil {
		result.Problem = contestedBy(fight, seen.writer)
	}
	if len(due) == 0 {
		return result, nil
	}
	var failed []error
	var names []string
	for _, different := range due {
		names = append(names, different.String())
		if err := r.restore(ctx, status.Name, different); err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		if helm.IsTransient(err) {
			return result, err
		}
		result.Problem = step.NewProblem(v1.ReasonReleaseFailed, "%v", err)
		result.Recheck = step.Sooner(wait, firstBackoff)
		return result, nil
	}
	result.Recheck = step.Sooner(wait, cacheLag)
	result.Events = []step.Event{step.Normal("Repaired", "Repair", "Restored "+strings.Join(names, ", "))}
	return result, nil
}

// restore applies one object as it was rendered.
func (r *run) restore(ctx context.Context, release string, different difference) error {
	r.memory.repairs.note(different.name(), different.String(), r.now)
	return r.Releases.Apply(ctx, r.db, release, different.rendered)
}

// restoreMissing restores what was deleted of a release while the next try to change it is put off: that may be minutes
// away, and what it fails for may be something that the server does without. What is refused is what the release
// reports.
func (r *run) restoreMissing(ctx context.Context, found owned, result *Result) {
	due, wait, _ := r.memory.repairs.due(found.missing(), r.now)
	result.Recheck = step.Sooner(result.Recheck, wait)
	for _, different := range due {
		if err := r.restore(ctx, result.Status.Name, different); err == nil {
			result.Events = append(result.Events, step.Normal("Repaired", "Repair", "Restored "+different.String()))
		}
	}
}

// pinnedResult is the report of a release that stays as it is stored.
func (o observed) pinnedResult() Result {
	result := Result{Status: o.known, Current: true}
	if o.wait != "" {
		result.Slot, result.Waiting, result.Recheck = true, o.wait, slotRecheck
	}
	return result
}

// pin keeps the release as it is stored.
func (r *run) pin(ctx context.Context, seen observed, result *Result) error {
	r.memory.pinned = seen.mark
	if len(seen.found.drift) == 0 {
		return nil
	}
	repaired, err := r.repair(ctx, seen.known, seen)
	result.Problem, result.Events = repaired.Problem, repaired.Events
	result.Recheck = step.Sooner(result.Recheck, repaired.Recheck)
	if err != nil || repaired.Problem != nil || len(repaired.Events) == 0 {
		r.memory.pinned = "again" // not as it is stored yet
	}
	return err
}
