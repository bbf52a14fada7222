package database

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// observation is everything that a pass over one Database found out.
type observation struct {
	credentials credentials
	binding     *problem
	certificate certificate
	// exporter says what is wrong with the Secret of the exporter's password.
	exporter *problem
	monitor  serviceMonitor
	// image is what the server is to run, and imageProblem why that is not what the spec asks for.
	image        string
	imageProblem *problem
	storage      storage
	// data is what happened to the data of a server that was ready before; nil: nothing.
	data    *problem
	release releaseResult
	server  serverState
	// restored is when the server was first seen with the data of the dump, in this pass.
	restored      *metav1.Time
	backupStorage storage
	// backups is nil where the pass did not come that far: what the status says of them stays.
	backups *backups
}

// pinned is why the server must not be restarted, or nil: it would not come back, or not with its data.
func (o *observation) pinned() *problem {
	if o.data != nil {
		return o.data
	}
	return o.certificate.problem
}

// problem is the first thing that a person must mend, or nil. Those that the server suffers from stand first.
func (o *observation) problem() *problem {
	var first *problem
	for _, found := range []*problem{
		o.data, o.certificate.problem, o.release.problem, o.server.problem, o.credentials.problem, o.exporter, o.imageProblem, o.binding,
		o.monitor.problem, o.storage.problem, o.backupStorage.problem,
	} {
		if found != nil && (first == nil || first.serving && !found.serving) {
			first = found
		}
	}
	return first
}

// events are those of the pass, in the order in which things were done.
func (o *observation) events() []event {
	events := slices.Concat(o.credentials.events, o.release.events, o.server.events)
	if o.restored != nil {
		events = append(events, normal("Restored", "Restore", "The server runs with the data of the dump"))
	}
	if o.backups != nil {
		events = append(events, o.backups.events...)
	}
	return events
}

// statusFor computes the whole status from what was observed.
func statusFor(db *v1.Database, seen *observation) v1.DatabaseStatus {
	status := *db.Status.DeepCopy()
	status.ObservedGeneration = db.Generation
	status.Endpoint = endpoint(db)
	status.DatabaseName = databaseName(db)
	if seen.credentials.usable() {
		status.Credentials = seen.credentials.ref
		if seen.binding == nil {
			status.Binding.Name = bindingName(db)
		}
	}
	if seen.release.status.Name != "" {
		status.Release = *seen.release.status.DeepCopy()
	}
	if seen.server.restarts != nil {
		status.Restarts = *seen.server.restarts
	}
	if !seen.storage.size.IsZero() {
		status.Storage = claimStatus(seen.storage.claim, db.Status.Storage.ClaimUID)
	}
	if seen.backups != nil {
		seen.backups.into(&status, db.Generation)
	}
	if seen.restored != nil {
		status.RestoreTime = seen.restored
	}
	ready, progressing, stalled := conditionsFor(db, seen)
	status.Reason, status.Message = summary(ready, progressing, stalled)
	if isUsed(db, seen) && (ready.Status == metav1.ConditionTrue || seen.restored != nil) {
		status.Storage.ClaimUID = string(seen.storage.claim.UID)
	}
	if ready.Status == metav1.ConditionTrue {
		// What the readiness probe compares the server's encoding with.
		status.Encoding, _ = canonicalEncoding(db.Spec.Encoding)
		if seen.release.problem == nil {
			status.Release.RolloutTime = nil
		}
		if seen.server.version != "" {
			status.ServerVersion = seen.server.version
			if !seen.release.turn {
				status.Image = seen.image
			}
		}
	}
	for _, condition := range []metav1.Condition{ready, progressing, stalled} {
		condition.ObservedGeneration = db.Generation
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	return status
}

// conditionsFor computes the three conditions. A problem stands before everything else; Ready follows from the others.
func conditionsFor(db *v1.Database, seen *observation) (ready, progressing, stalled metav1.Condition) {
	found := seen.problem()
	if found != nil && !found.serving {
		return condition(v1.ConditionReady, metav1.ConditionFalse, found.reason, found.message),
			condition(v1.ConditionProgressing, metav1.ConditionFalse, found.reason, "waits for a person: "+found.message),
			condition(v1.ConditionStalled, metav1.ConditionTrue, found.reason, found.message)
	}
	stalled = condition(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled, "nothing waits for a person")
	if found != nil {
		stalled = condition(v1.ConditionStalled, metav1.ConditionTrue, found.reason, found.message)
	}
	if seen.release.current && seen.server.ready {
		encoding, _ := canonicalEncoding(db.Spec.Encoding)
		words := fmt.Sprintf("the server takes logins of user %s to database %s with encoding %s",
			db.Spec.User, databaseName(db), encoding)
		if at := seen.credentials.replaced; !at.IsZero() {
			words += fmt.Sprintf("; its password is a new one since %s, when Secret %s had been deleted", at.UTC().Format(time.RFC3339), credentialsName(db))
		}
		progressing = condition(v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonReconciled, "nothing is left to do")
		if seen.release.turn {
			progressing = condition(v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForTurn, "waiting for "+seen.release.waiting)
		}
		return condition(v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady, words), progressing, stalled
	}
	reason, words := v1.ReasonStarting, "waiting for "+seen.server.waiting
	if !seen.release.current {
		reason, words = v1.ReasonInstalling, "waiting for "+seen.release.waiting
	}
	ready = condition(v1.ConditionReady, metav1.ConditionFalse, reason, words)
	if seen.release.turn {
		// It goes on waiting: see isRollout.
		reason, words = v1.ReasonWaitingForTurn, fmt.Sprintf("waiting for %s, and now for %s", seen.release.waiting, seen.server.waiting)
	}
	return ready, condition(v1.ConditionProgressing, metav1.ConditionTrue, reason, words), stalled
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: shortened(message, maxMessage)}
}

// transitions are the events that tell of a change of the conditions.
func transitions(before, after []metav1.Condition) []event {
	var events []event
	stalled := meta.FindStatusCondition(after, v1.ConditionStalled)
	was := meta.FindStatusCondition(before, v1.ConditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue &&
		(was == nil || was.Status != stalled.Status || was.Reason != stalled.Reason) {
		events = append(events, warning(stalled.Reason, "Reconcile", stalled.Message))
	}
	ready := meta.FindStatusCondition(after, v1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue && !meta.IsStatusConditionTrue(before, v1.ConditionReady) {
		events = append(events, normal(ready.Reason, "Reconcile", ready.Message))
	}
	return events
}

// report writes the status where it changed, and sends the events once it is written.
func (r *Reconciler) report(ctx context.Context, db *v1.Database, status v1.DatabaseStatus, events []event) error {
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
		r.written.remember(db)
	}
	for _, e := range events {
		r.tell(db, e)
	}
	return nil
}

// tell sends an event.
func (r *Reconciler) tell(db *v1.Database, e event) {
	r.Recorder.Eventf(db, nil, e.kind, e.reason, e.action, "%s", shortened(e.note, maxMessage))
}
