package at

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

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
