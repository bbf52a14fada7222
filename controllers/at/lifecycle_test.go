package at

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// createAt creates an At that is due at a time.
func createAt(t *testing.T, namespace string, schedule time.Time) *cnatv1alpha1.At {
	t.Helper()
	at := &cnatv1alpha1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: namespace},
		Spec:       cnatv1alpha1.AtSpec{Schedule: ptr.To(metav1.NewTime(schedule)), Command: "echo YAY"},
	}
	if err := api.Create(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	return at
}

// awaitAt waits until the At is as wanted, and reads it into at.
func awaitAt(t *testing.T, at *cnatv1alpha1.At, what string, wanted func(*cnatv1alpha1.AtStatus) bool) {
	t.Helper()
	eventually(t, what, func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(at), at)
		return err == nil && wanted(&at.Status), err
	})
}

func isPhase(phase cnatv1alpha1.AtPhase) func(*cnatv1alpha1.AtStatus) bool {
	return func(status *cnatv1alpha1.AtStatus) bool { return status.Phase == phase }
}

func isStalled(reason string) func(*cnatv1alpha1.AtStatus) bool {
	return func(status *cnatv1alpha1.AtStatus) bool {
		condition := meta.FindStatusCondition(status.Conditions, cnatv1alpha1.ConditionStalled)
		return condition != nil && condition.Status == metav1.ConditionTrue && condition.Reason == reason
	}
}

// awaitJob waits for the At's Job.
func awaitJob(t *testing.T, at *cnatv1alpha1.At) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: jobName(at), Namespace: at.Namespace}}
	eventually(t, "the Job", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		return err == nil, err
	})
	return job
}

// playPod creates the pod of a Job as the Job controller would, with a container in that state.
func playPod(t *testing.T, job *batchv1.Job, state corev1.ContainerState) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(),
		Spec:       *job.Spec.Template.Spec.DeepCopy(),
	}
	pod.Name, pod.Namespace = job.Name+"-pod", job.Namespace
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	playStatus(t, pod, func() {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "command", State: state}}
	})
}

// playEnd gives a Job its final condition as the Job controller would.
func playEnd(t *testing.T, job *batchv1.Job, condition batchv1.JobConditionType) {
	t.Helper()
	before, now := batchv1.JobSuccessCriteriaMet, metav1.Now()
	reason := "Played"
	if ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1 {
		reason = batchv1.JobReasonDeadlineExceeded
	}
	playStatus(t, job, func() {
		job.Status = batchv1.JobStatus{StartTime: &now, UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}}
		if condition == batchv1.JobFailed {
			before = batchv1.JobFailureTarget
			job.Status.Failed = 1
		} else {
			job.Status.Succeeded, job.Status.CompletionTime = 1, &now
		}
		for _, c := range []batchv1.JobConditionType{before, condition} {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
				Type: c, Status: corev1.ConditionTrue, LastTransitionTime: now, Reason: reason, Message: "played by the test",
			})
		}
	})
}

// playStatus writes an object's status as its controller would. It is a patch, since the operator may write to the
// object at the same time.
func playStatus(t *testing.T, object client.Object, edit func()) {
	t.Helper()
	before, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no client.Object", object)
	}
	edit()
	if err := api.Status().Patch(t.Context(), object, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

func TestRunThatSucceeds(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	schedule := time.Now().Add(2 * time.Second).Truncate(time.Second)
	at := createAt(t, namespace, schedule)
	awaitAt(t, at, "Pending", isPhase(cnatv1alpha1.AtPending))

	job := awaitJob(t, at)
	if time.Now().Before(schedule) {
		t.Errorf("the Job is there before %s", schedule)
	}
	playPod(t, job, running())
	awaitAt(t, at, "Running", isPhase(cnatv1alpha1.AtRunning))
	if at.Status.JobName != job.Name || at.Status.JobUID != job.UID {
		t.Errorf("the status names Job %s %s, want %s %s", at.Status.JobName, at.Status.JobUID, job.Name, job.UID)
	}
	playEnd(t, job, batchv1.JobComplete)
	awaitAt(t, at, "Succeeded", isPhase(cnatv1alpha1.AtSucceeded))
	if !meta.IsStatusConditionTrue(at.Status.Conditions, cnatv1alpha1.ConditionComplete) {
		t.Errorf("no condition Complete: %+v", at.Status.Conditions)
	}
	awaitEvents(t, at, "Scheduled", "Started", "Succeeded")
}

// awaitEvents waits for the events of an At, and fails if there are others.
func awaitEvents(t *testing.T, at *cnatv1alpha1.At, want ...string) {
	t.Helper()
	var got []string
	eventually(t, "the events "+strings.Join(want, ", "), func() (bool, error) {
		list := &eventsv1.EventList{}
		if err := api.List(t.Context(), list, client.InNamespace(at.Namespace)); err != nil {
			return false, err
		}
		got = nil
		for _, e := range list.Items {
			if e.Regarding.UID == at.UID {
				got = append(got, e.Reason)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		return slices.Equal(got, want), nil
	})
}

func TestRunThatFails(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().AddDate(-3, 0, 0)) // overdue: at once
	job := awaitJob(t, at)
	playPod(t, job, ended(3, "no such file"))
	playEnd(t, job, batchv1.JobFailed)
	awaitAt(t, at, "Failed", isPhase(cnatv1alpha1.AtFailed))
	if !ptr.Equal(at.Status.ExitCode, ptr.To[int32](3)) || at.Status.Message != "no such file" {
		t.Errorf("exit code %v, message %q", at.Status.ExitCode, at.Status.Message)
	}
	awaitEvents(t, at, "Scheduled", "Started", "Failed")
}

func TestDeletedJobIsNotMadeAgain(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	awaitAt(t, at, "the Job's UID", func(status *cnatv1alpha1.AtStatus) bool { return status.JobUID != "" })
	if err := api.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	awaitAt(t, at, "Failed", isPhase(cnatv1alpha1.AtFailed))
	condition := meta.FindStatusCondition(at.Status.Conditions, cnatv1alpha1.ConditionFailed)
	if condition.Reason != cnatv1alpha1.ReasonJobDeleted {
		t.Errorf("got %+v", condition)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job); !apierrors.IsNotFound(err) {
		t.Errorf("there is a Job again, or no telling: %v", err)
	}
}

func TestForeignJobIsNotAdopted(t *testing.T) {
	namespace := newNamespace(t)
	at := createAt(t, namespace, time.Now())
	foreign := newJob(at, "busybox", time.Now())
	foreign.OwnerReferences, foreign.Finalizers, foreign.Labels = nil, nil, nil // so that the cache does not hold it
	if err := api.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace)
	awaitAt(t, at, "NameConflict", isStalled(cnatv1alpha1.ReasonNameConflict))

	if err := api.Delete(t.Context(), foreign, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	awaitAt(t, at, "the At's own Job", func(status *cnatv1alpha1.AtStatus) bool { return status.JobUID != "" })
	if at.Status.JobUID == foreign.UID {
		t.Error("the foreign Job was adopted")
	}
}

func TestRefusedJobIsMadeWhenItMay(t *testing.T) {
	namespace := newNamespace(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none", Namespace: namespace},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}},
	}
	if err := api.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	playStatus(t, quota, func() { quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, quota.Spec.Hard })
	at := createAt(t, namespace, time.Now())
	eventually(t, "the API server to know of the quota", func() (bool, error) {
		return apierrors.IsForbidden(api.Create(t.Context(), newJob(at, "busybox", time.Now()), client.DryRunAll)), nil
	})
	startOperator(t, namespace)
	awaitAt(t, at, "JobRefused", isStalled(cnatv1alpha1.ReasonJobRefused))
	if !strings.Contains(at.Status.Message, "exceeded quota: none") {
		t.Errorf("the message does not have the API server's words: %q", at.Status.Message)
	}
	if err := api.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	awaitJob(t, at)
}

func TestMovedAt(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().Add(time.Hour))
	awaitAt(t, at, "Pending", isPhase(cnatv1alpha1.AtPending))

	first := time.Now().Add(time.Second).Truncate(time.Second)
	move(t, at, first)
	later := first.Add(2 * time.Second)
	move(t, at, later)
	awaitJob(t, at)
	if now := time.Now(); now.Before(later) {
		t.Errorf("the Job was made at %s, before the time %s that the At was moved to", now, later)
	}
}

func move(t *testing.T, at *cnatv1alpha1.At, schedule time.Time) {
	t.Helper()
	change(t, at, func() { at.Spec.Schedule = ptr.To(metav1.NewTime(schedule)) })
}

// change edits an At as it is at the API server.
func change(t *testing.T, at *cnatv1alpha1.At, edit func()) {
	t.Helper()
	eventually(t, "the At to be edited", func() (bool, error) {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(at), at); err != nil {
			return false, err
		}
		edit()
		err := api.Update(t.Context(), at)
		return err == nil, err
	})
}

// A Job is held by the finalizer until its At's status names it, and no longer.
func TestJobIsHeldUntilRecorded(t *testing.T) {
	namespace := newNamespace(t)
	at := createAt(t, namespace, time.Now())
	job := newJob(at, "busybox", time.Now()) // as the operator made it before it was killed
	if err := api.Create(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	background := client.PropagationPolicy(metav1.DeletePropagationBackground)
	if err := api.Delete(t.Context(), job, background); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job); err != nil {
		t.Fatalf("the Job went before anybody knew of it: %v", err)
	}
	startOperator(t, namespace)
	awaitAt(t, at, "Failed", isPhase(cnatv1alpha1.AtFailed))
	if at.Status.JobUID != job.UID || at.Status.Reason != cnatv1alpha1.ReasonJobDeleted {
		t.Errorf("got %+v", at.Status)
	}
	awaitGone(t, job)
}

func awaitGone(t *testing.T, object client.Object) {
	t.Helper()
	eventually(t, object.GetName()+" to be gone", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

// Of an At that was deleted, and of one that was made again under its name, the
// former one's Job is let go.
func TestJobOfFormerAtIsReleased(t *testing.T) {
	namespace := newNamespace(t)
	former := createAt(t, namespace, time.Now())
	job := newJob(former, "busybox", time.Now())
	if err := errors.Join(api.Create(t.Context(), job), api.Delete(t.Context(), former)); err != nil {
		t.Fatal(err)
	}
	at := createAt(t, namespace, time.Now())
	startOperator(t, namespace)
	own := awaitJob(t, at)
	if own.UID == job.UID {
		t.Error("the At took the former one's Job")
	}
	eventually(t, "the former At's Job to be released", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		return err == nil && len(job.Finalizers) == 0, err
	})
}

func TestCancel(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	playPod(t, job, running())
	awaitAt(t, at, "Running", isPhase(cnatv1alpha1.AtRunning))
	change(t, at, func() { at.Spec.Cancel = ptr.To(true) })
	eventually(t, "the Job to be stopped", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		return err == nil && ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1, err
	})
	playEnd(t, job, batchv1.JobFailed)
	awaitAt(t, at, "Cancelled", isPhase(cnatv1alpha1.AtCancelled))
}

func TestSuspendThenMissed(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now().Add(time.Hour))
	change(t, at, func() { at.Spec.Suspend, at.Spec.StartingDeadlineSeconds = ptr.To(true), 1 })
	awaitAt(t, at, "Suspended", func(status *cnatv1alpha1.AtStatus) bool {
		return meta.IsStatusConditionTrue(status.Conditions, cnatv1alpha1.ConditionSuspended)
	})
	move(t, at, time.Now().Add(-time.Minute))
	change(t, at, func() { at.Spec.Suspend = nil })
	awaitAt(t, at, "Missed", isPhase(cnatv1alpha1.AtMissed))
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
