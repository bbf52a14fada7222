package at

import (
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/write"
)

// heldClock stands still at a moment until it is let go.
type heldClock struct {
	clock.RealClock
	until time.Time
	free  atomic.Bool
}

// Now implements clock.Clock.
func (c *heldClock) Now() time.Time {
	if now := time.Now(); c.free.Load() || now.Before(c.until) {
		return now
	}
	return c.until
}

// prepareAt creates an At that is prepared, and is due when the clock is let go.
func prepareAt(t *testing.T) (*cnatv1.At, *batchv1.Job, *heldClock) {
	t.Helper()
	namespace := newNamespace(t)
	schedule := time.Now().Add(5 * time.Second).Truncate(time.Second)
	held := &heldClock{until: schedule.Add(-minLead / 2)}
	stop, err := runOperator(namespace, func(r *Reconciler) { r.Clock = held })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	at := createAt(t, namespace, schedule)
	awaitAt(t, at, "the prepared Job", func(status *cnatv1.AtStatus) bool { return status.PreparedJobUID != "" })
	job := awaitPrepared(t, at)
	if at.Status.PreparedJobUID != job.UID || !controllerutil.ContainsFinalizer(at, preparedFinalizer) {
		t.Fatalf("Job %s exists, and the At is %+v", job.UID, at)
	}
	return at, job, held
}

// awaitTakenBack waits until the Job is deleted and nothing holds the At.
func awaitTakenBack(t *testing.T, at *cnatv1.At, job *batchv1.Job) {
	t.Helper()
	awaitGone(t, job)
	awaitAt(t, at, "nothing to be prepared", func(status *cnatv1.AtStatus) bool {
		return !atPinned(at) && status.PreparedJobUID == "" && status.JobUID == ""
	})
	if started(job) {
		t.Errorf("it was started: %+v", job)
	}
}

func TestEditTakesBackWhatIsPrepared(t *testing.T) {
	t.Parallel()
	edits := map[string]func(*cnatv1.At){
		"suspended":         suspended,
		"moved to tomorrow": func(at *cnatv1.At) { at.Spec.Schedule = ptr.To(metav1.NewTime(time.Now().AddDate(0, 0, 1))) },
		"cancelled":         cancelled,
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, job, _ := prepareAt(t)
			change(t, at, func() { edit(at) })
			awaitTakenBack(t, at, job)
			if name == "cancelled" {
				awaitAt(t, at, "Cancelled", isPhase(cnatv1.AtCancelled))
			}
		})
	}
}

// What runs is what the spec said last.
func TestEditedWhenPrepared(t *testing.T) {
	t.Parallel()
	at, job, clock := prepareAt(t)
	var again batchv1.Job
	change(t, at, func() { at.Spec.Command = "echo YEA" })
	eventually(t, "another Job to be prepared", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), &again)
		return err == nil && again.UID != job.UID, err
	})
	clock.free.Store(true)
	again = *awaitJob(t, at)
	if again.Spec.Template.Spec.Containers[0].Command[2] != "echo YEA" {
		t.Errorf("what was prepared first runs: %+v", again.Spec.Template.Spec)
	}
	awaitAt(t, at, "the Job's UID", func(status *cnatv1.AtStatus) bool { return status.JobUID == again.UID })
}

func TestDeletedWhenPrepared(t *testing.T) {
	t.Parallel()
	at, job, _ := prepareAt(t)
	if err := api.Delete(t.Context(), at, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, at)
	awaitGone(t, job) // nobody collects garbage here
}

// The API server starts only the Job with the UID, and only for the generation,
// that the patch names, and deletes only what it is asked to.
func TestWhatTheAPIServerRefuses(t *testing.T) {
	t.Parallel()
	at := createAt(t, newNamespace(t), time.Now().Add(time.Hour))
	job := newJob(at, "busybox")
	create(t, job)
	read := job.DeepCopy()
	try := func(uid, generation string) error {
		patch, err := startPatch(types.UID(uid), generation, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return api.Patch(t.Context(), job.DeepCopy(), patch)
	}
	if err := try("other", "1"); err == nil {
		t.Error("a Job with another UID was started")
	}
	if err := try(string(job.UID), "2"); err == nil {
		t.Error("a Job for another generation was started")
	}
	retract := read.DeepCopy()
	delete(retract.Annotations, generationAnnotation)
	if err := api.Patch(t.Context(), retract, write.Locked(read)); err != nil {
		t.Fatal(err)
	}
	if err := try(string(job.UID), "1"); err == nil {
		t.Error("a Job that was retracted was started")
	}
	old := &Reconciler{Client: api}
	if err := old.collect(t.Context(), &snapshot{job: read}); err == nil {
		t.Error("a Job that has changed was deleted")
	}
}
