package database

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/backups"
	"example.com/cnat-operator/controllers/database/binding"
	"example.com/cnat-operator/controllers/database/certificate"
	"example.com/cnat-operator/controllers/database/credentials"
	"example.com/cnat-operator/controllers/database/monitoring"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/server"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/storage"
	"example.com/cnat-operator/controllers/database/values"
)

// observation is what the steps of a pass made of what was read, and what came of that.
type observation struct {
	credentials credentials.Decision
	binding     binding.Decision
	// bound: the binding's Secret is there.
	bound       bool
	certificate certificate.Decision
	exporter    monitoring.Exporter
	monitor     monitoring.MonitorDecision
	storage     storage.Decision
	data        storage.Data
	release     release.Result
	server      server.State
	// restored is when the server was first seen with the data of the dump, in this pass.
	restored *metav1.Time
	dumps    storage.Decision
	// backups is nil where the pass did not come that far: what the status says of them stays.
	backups *backups.Decision
	// failures are steps that the API server refused, or that fail for some time.
	failures []*step.Problem
}

// problem is what requires user action, or nil. The reason is the first one's, and the message has all. Those that the
// server suffers from stand first.
func (o *observation) problem() *step.Problem {
	var first, all []*step.Problem
	for _, found := range append([]*step.Problem{
		o.data.Problem, o.certificate.Problem, o.release.Problem, o.server.Problem, o.credentials.Problem, o.exporter.Problem,
		o.release.WithoutExporter, o.release.ImageProblem, o.binding.Problem, o.monitor.Problem, o.storage.Problem, o.dumps.Problem,
	}, o.failures...) {
		switch {
		case found == nil:
		case found.Serving:
			all = append(all, found)
		default:
			first = append(first, found)
		}
	}
	if all = append(first, all...); len(all) == 0 {
		return nil
	}
	var messages []string
	for _, found := range all {
		messages = append(messages, found.Message)
	}
	found := step.NewProblem(all[0].Reason, "%s", strings.Join(messages, "; and "))
	found.Serving = all[0].Serving
	return found
}

// recheck is after what time to look again, besides when something changes.
func (o *observation) recheck() time.Duration {
	var soonest time.Duration
	for _, recheck := range []time.Duration{
		o.credentials.Recheck, o.certificate.Recheck, o.binding.Recheck, o.exporter.Recheck, o.monitor.Recheck,
		o.data.Recheck, o.storage.Recheck, o.dumps.Recheck, o.release.Recheck, o.server.Recheck,
	} {
		soonest = step.Sooner(soonest, recheck)
	}
	if o.backups != nil {
		soonest = step.Sooner(soonest, o.backups.Recheck)
	}
	return soonest
}

// events are those of the pass, in the order in which things were done.
func (o *observation) events() []step.Event {
	events := slices.Concat(o.credentials.Events, o.release.Events, o.server.Events)
	if o.restored != nil {
		events = append(events, step.Normal("Restored", "Restore", "The server runs with the data of the dump"))
	}
	if o.backups != nil {
		events = append(events, o.backups.Events...)
	}
	return events
}

// statusFor computes the whole status from what was observed.
func statusFor(p *pass) v1.DatabaseStatus {
	db, seen := p.db, &p.seen
	status := *db.Status.DeepCopy()
	if isObserved(p) {
		status.ObservedGeneration = db.Generation
	}
	status.Endpoint = step.Endpoint(db)
	status.DatabaseName = step.DatabaseName(db)
	if seen.credentials.Usable() {
		status.Credentials = credentials.Ref(db)
	}
	if seen.bound {
		status.Binding.Name = step.BindingName(db)
	}
	if seen.release.Status.Name != "" {
		status.Release = *seen.release.Status.DeepCopy()
	}
	if seen.server.Restarts != nil {
		status.Restarts = *seen.server.Restarts
	}
	if !seen.storage.Size.IsZero() {
		status.Storage = step.ClaimStatus(seen.storage.Claim, db.Status.Storage.ClaimUID)
	}
	if seen.backups != nil {
		seen.backups.Into(&status, db.Generation)
	}
	if seen.restored != nil {
		status.RestoreTime = seen.restored
	}
	conditions := conditionsFor(db, seen)
	status.Reason, status.Message = summary(conditions[0], conditions[1], conditions[2])
	if seen.data.Used && (seen.server.Ready || seen.restored != nil) {
		status.Storage.ClaimUID = string(seen.storage.Claim.UID)
	}
	if conditions[0].Status == metav1.ConditionTrue && seen.release.Current {
		// What the readiness probe compares the server's encoding with.
		status.Encoding, _ = values.CanonicalEncoding(db.Spec.Encoding)
		status.Release.RolloutTime = nil
		if seen.server.Version != "" {
			status.ServerVersion = seen.server.Version
			if !seen.release.Slot && seen.release.Image != "" {
				status.Image = seen.release.Image
			}
		}
	}
	setConditions(&status, db.Generation, conditions)
	return status
}

// isObserved reports whether a pass has acted on the generation, or reports each error that kept it from that.
func isObserved(p *pass) bool {
	acted := p.seen.release.Current && p.seen.release.Status.Generation == p.db.Generation
	reported := len(p.seen.failures) == len(p.failed)
	return len(p.failed) == 0 || p.seen.monitor.Done && (acted || reported)
}

// setConditions sets Ready, Progressing and Stalled, and beside them Reconciling, which is there only while it is True.
func setConditions(status *v1.DatabaseStatus, generation int64, conditions []metav1.Condition) {
	for _, said := range conditions {
		said.ObservedGeneration = generation
		meta.SetStatusCondition(&status.Conditions, said)
	}
	progressing := meta.FindStatusCondition(status.Conditions, v1.ConditionProgressing)
	if progressing.Status != metav1.ConditionTrue || meta.IsStatusConditionTrue(status.Conditions, v1.ConditionStalled) {
		meta.RemoveStatusCondition(&status.Conditions, v1.ConditionReconciling)
		return
	}
	reconciling := step.Condition(v1.ConditionReconciling, metav1.ConditionTrue, progressing.Reason, progressing.Message)
	reconciling.ObservedGeneration = generation
	meta.SetStatusCondition(&status.Conditions, reconciling)
}

// conditionsFor computes Ready, Progressing and Stalled. Ready says only whether the server serves; what requires user
// action, and what goes on, stands beside it.
func conditionsFor(db *v1.Database, seen *observation) []metav1.Condition {
	found := seen.problem()
	ready, waiting := readiness(db, seen)
	stalled := step.Condition(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled, "nothing requires user action")
	progressing := step.Condition(v1.ConditionProgressing, metav1.ConditionTrue, ready.Reason, waiting)
	if ready.Status == metav1.ConditionTrue {
		progressing = step.Condition(v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonReconciled, "nothing is left to do")
	}
	if found != nil {
		stalled = step.Condition(v1.ConditionStalled, metav1.ConditionTrue, found.Reason, found.Message)
		if ready.Status == metav1.ConditionTrue || !found.Serving {
			progressing = step.Condition(v1.ConditionProgressing, metav1.ConditionFalse, found.Reason, "waits for user action: "+found.Message)
		}
		if ready.Status == metav1.ConditionFalse && !found.Serving {
			ready = step.Condition(v1.ConditionReady, metav1.ConditionFalse, found.Reason, found.Message)
		}
	}
	if seen.release.Slot {
		words := "waiting for " + seen.release.Waiting
		if !seen.server.Ready {
			words += ", and now for " + seen.server.Waiting
		}
		progressing = step.Condition(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForSlot, words)
	} else if found == nil && ready.Status == metav1.ConditionTrue && seen.release.Waiting != "" {
		progressing = step.Condition(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonInstalling, "waiting for "+seen.release.Waiting)
	}
	return []metav1.Condition{ready, progressing, stalled}
}

// readiness is whether the server serves, and what it waits for.
func readiness(db *v1.Database, seen *observation) (ready metav1.Condition, waiting string) {
	if seen.server.Ready {
		encoding, _ := values.CanonicalEncoding(db.Spec.Encoding)
		words := fmt.Sprintf("the server takes logins of user %s to database %s with encoding %s", db.Spec.User, step.DatabaseName(db), encoding)
		if at := seen.credentials.Replaced; !at.IsZero() {
			words += fmt.Sprintf("; its password is a new one since %s, when Secret %s had been deleted", at.UTC().Format(time.RFC3339), step.CredentialsName(db))
		}
		return step.Condition(v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady, words), ""
	}
	reason, waiting := v1.ReasonStarting, "waiting for "+seen.server.Waiting
	if seen.release.Waiting != "" && !seen.release.Slot {
		reason, waiting = v1.ReasonInstalling, "waiting for "+seen.release.Waiting
	}
	return step.Condition(v1.ConditionReady, metav1.ConditionFalse, reason, waiting), waiting
}

// transitions are the events that report a change of the conditions.
func transitions(before, after []metav1.Condition) []step.Event {
	var events []step.Event
	stalled := meta.FindStatusCondition(after, v1.ConditionStalled)
	was := meta.FindStatusCondition(before, v1.ConditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue &&
		(was == nil || was.Status != stalled.Status || was.Reason != stalled.Reason) {
		events = append(events, step.Warning(stalled.Reason, "Reconcile", stalled.Message))
	}
	ready, wasReady := meta.FindStatusCondition(after, v1.ConditionReady), meta.IsStatusConditionTrue(before, v1.ConditionReady)
	switch {
	case ready == nil:
	case ready.Status == metav1.ConditionTrue && !wasReady:
		events = append(events, step.Normal(ready.Reason, "Reconcile", ready.Message))
	case ready.Status != metav1.ConditionTrue && wasReady && ready.Reason != v1.ReasonDeleting:
		events = append(events, step.Warning("NotReady", "Reconcile", ready.Message))
	}
	return events
}

// report writes the status where it changed, and sends the events once it is written.
func (r *Reconciler) report(ctx context.Context, db *v1.Database, status v1.DatabaseStatus, events []step.Event) error {
	events = append(events, transitions(db.Status.Conditions, status.Conditions)...)
	if !equality.Semantic.DeepEqual(db.Status, status) {
		// With the lock, a status that was computed from a stale object is not written over a newer one.
		patch := client.MergeFromWithOptions(db.DeepCopy(), client.MergeFromWithOptimisticLock{})
		db.Status = status
		if err := r.Client.Status().Patch(ctx, db, patch); err != nil {
			if apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("write status: %w", err)
		}
		r.tracker.of(db).written = db.ResourceVersion
	}
	for _, e := range events {
		r.send(db, e)
	}
	return nil
}

// send sends an event, unless it is the same as the last one, and logs it.
func (r *Reconciler) send(db *v1.Database, e step.Event) {
	e.Note = step.Shortened(e.Note, step.MaxMessage)
	known := r.tracker.of(db)
	if known.sent == e {
		return
	}
	known.sent = e
	known.log.Info(e.Note, "action", e.Action, "reason", e.Reason)
	r.Recorder.Eventf(db, nil, e.Kind, e.Reason, e.Action, "%s", e.Note)
}
