package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

func TestRunThatSucceeds(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	schedule := time.Now().Add(5 * time.Second).Truncate(time.Second)
	at := createAt(t, namespace, schedule)
	awaitAt(t, at, "Pending", isPhase(cnatv1.AtPending))

	job := awaitJob(t, at)
	if time.Now().Before(schedule) {
		t.Errorf("the Job is there before %s", schedule)
	}
	playPod(t, job, running())
	awaitAt(t, at, "Running", isPhase(cnatv1.AtRunning))
	if at.Status.JobName != job.Name || at.Status.JobUID != job.UID {
		t.Errorf("the status names Job %s %s, want %s %s", at.Status.JobName, at.Status.JobUID, job.Name, job.UID)
	}
	playEnd(t, job, batchv1.JobComplete)
	awaitAt(t, at, "Succeeded", isPhase(cnatv1.AtSucceeded))
	if !meta.IsStatusConditionTrue(at.Status.Conditions, cnatv1.ConditionComplete) {
		t.Errorf("no condition Complete: %+v", at.Status.Conditions)
	}
	awaitEvents(t, at, "Scheduled", "Started", "Succeeded")
}

func TestRunThatFails(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().AddDate(-3, 0, 0)) // overdue: at once
	job := awaitJob(t, at)
	playPod(t, job, ended(3, "no such file"))
	playEnd(t, job, batchv1.JobFailed)
	awaitAt(t, at, "Failed", isPhase(cnatv1.AtFailed))
	if !ptr.Equal(at.Status.ExitCode, ptr.To[int32](3)) || at.Status.Message != "container command failed with exit code 3: no such file" {
		t.Errorf("exit code %v, message %q", at.Status.ExitCode, at.Status.Message)
	}
	awaitEvents(t, at, "Scheduled", "Started", "Failed")
}

func TestMovedAt(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().Add(time.Hour))
	awaitAt(t, at, "Pending", isPhase(cnatv1.AtPending))

	first := time.Now().Add(10 * time.Second).Truncate(time.Second) // long after the next edit, on any machine
	move(t, at, first)
	later := first.Add(2 * time.Second)
	move(t, at, later)
	awaitJob(t, at)
	if now := time.Now(); now.Before(later) {
		t.Errorf("the Job was made at %s, before the time %s that the At was moved to", now, later)
	}
}

func TestCancel(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	playPod(t, job, running())
	awaitAt(t, at, "Running", isPhase(cnatv1.AtRunning))
	change(t, at, func() { at.Spec.Cancel = ptr.To(true) })
	eventually(t, "the Job to be stopped", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		return err == nil && ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1, err
	})
	playEnd(t, job, batchv1.JobFailed)
	awaitAt(t, at, "Cancelled", isPhase(cnatv1.AtCancelled))
}

func TestSuspendThenMissed(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().Add(time.Hour))
	change(t, at, func() { at.Spec.Suspend, at.Spec.StartingDeadlineSeconds = ptr.To(true), 1 })
	awaitAt(t, at, "Suspended", func(status *cnatv1.AtStatus) bool {
		return meta.IsStatusConditionTrue(status.Conditions, cnatv1.ConditionSuspended)
	})
	move(t, at, time.Now().Add(-time.Minute))
	change(t, at, func() { at.Spec.Suspend = nil })
	awaitAt(t, at, "Missed", isPhase(cnatv1.AtMissed))
	if at.Status.JobName != "" {
		t.Errorf("it ran: %+v", at.Status)
	}
}

func TestTimeToLive(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	change(t, at, func() { at.Spec.TTLSecondsAfterFinished = ptr.To[int32](0) })
	playEnd(t, awaitJob(t, at), batchv1.JobComplete)
	awaitGone(t, at)
}

// One that is set once the At has ended is acted on, and observedGeneration says so.
func TestTimeToLiveAfterTheEnd(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	playEnd(t, awaitJob(t, at), batchv1.JobComplete)
	awaitAt(t, at, "Succeeded", isPhase(cnatv1.AtSucceeded))
	change(t, at, func() { at.Spec.TTLSecondsAfterFinished = ptr.To[int32](3600) })
	awaitAt(t, at, "the change to be observed", func(status *cnatv1.AtStatus) bool {
		return status.ObservedGeneration == at.Generation && status.Phase == cnatv1.AtSucceeded
	})
	change(t, at, func() { at.Spec.TTLSecondsAfterFinished = ptr.To[int32](0) })
	awaitGone(t, at)
}
