package at

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// createAt creates an At that is due at a time.
func createAt(t *testing.T, namespace string, schedule time.Time) *cnatv1.At {
	t.Helper()
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: namespace},
		Spec:       cnatv1.AtSpec{Schedule: ptr.To(metav1.NewTime(schedule)), Run: runv1.Run{Command: "echo YAY"}},
	}
	if err := api.Create(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	return at
}

// change edits an At as it is at the API server.
func change(t *testing.T, at *cnatv1.At, edit func()) {
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

func move(t *testing.T, at *cnatv1.At, schedule time.Time) {
	t.Helper()
	change(t, at, func() { at.Spec.Schedule = ptr.To(metav1.NewTime(schedule)) })
}

// awaitAt waits until the At is as wanted, and reads it into at.
func awaitAt(t *testing.T, at *cnatv1.At, what string, wanted func(*cnatv1.AtStatus) bool) {
	t.Helper()
	eventually(t, what, func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(at), at)
		return err == nil && wanted(&at.Status), err
	})
}

func isPhase(phase cnatv1.AtPhase) func(*cnatv1.AtStatus) bool {
	return func(status *cnatv1.AtStatus) bool { return status.Phase == phase }
}

func isStalled(reason string) func(*cnatv1.AtStatus) bool {
	return func(status *cnatv1.AtStatus) bool {
		condition := meta.FindStatusCondition(status.Conditions, cnatv1.ConditionStalled)
		return condition != nil && condition.Status == metav1.ConditionTrue && condition.Reason == reason
	}
}

// awaitJob waits until the At's Job is started.
func awaitJob(t *testing.T, at *cnatv1.At) *batchv1.Job {
	t.Helper()
	return awaitJobThat(t, at, started)
}

// awaitPrepared waits until the At's Job exists, and has not started.
func awaitPrepared(t *testing.T, at *cnatv1.At) *batchv1.Job {
	t.Helper()
	return awaitJobThat(t, at, func(job *batchv1.Job) bool { return !started(job) })
}

func awaitJobThat(t *testing.T, at *cnatv1.At, is func(*batchv1.Job) bool) *batchv1.Job {
	t.Helper()
	var job *batchv1.Job
	eventually(t, "the Job", func() (bool, error) {
		job = &batchv1.Job{}
		err := api.Get(t.Context(), client.ObjectKey{Namespace: at.Namespace, Name: jobName(at)}, job)
		return err == nil && is(job), err
	})
	return job
}

// playPod creates the pod of a Job as the Job controller would, with a container in that state.
func playPod(t *testing.T, job *batchv1.Job, state corev1.ContainerState) *corev1.Pod {
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
	return pod
}

// awaitStop waits until the operator has stopped a Job, and reads it.
func awaitStop(t *testing.T, job *batchv1.Job) *batchv1.Job {
	t.Helper()
	eventually(t, "the Job to be stopped", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		return err == nil && ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1, err
	})
	return job
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

// awaitEvents waits for the events of an At, and fails if there are others.
func awaitEvents(t *testing.T, at *cnatv1.At, want ...string) {
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

func awaitGone(t *testing.T, object client.Object) {
	t.Helper()
	eventually(t, object.GetName()+" to be deleted", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}
