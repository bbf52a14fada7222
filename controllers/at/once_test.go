package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

func TestDeletedJobIsNotMadeAgain(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := createAt(t, namespace, time.Now())
	job := awaitJob(t, at)
	awaitAt(t, at, "the Job's UID", func(status *cnatv1.AtStatus) bool { return status.JobUID != "" })
	if err := api.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	awaitAt(t, at, "Failed", isPhase(cnatv1.AtFailed))
	condition := meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionFailed)
	if condition.Reason != cnatv1.ReasonJobDeleted {
		t.Errorf("got %+v", condition)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job); !apierrors.IsNotFound(err) {
		t.Errorf("there is a Job again, or no telling: %v", err)
	}
}

func TestForeignJobIsNotAdopted(t *testing.T) {
	namespace := newNamespace(t)
	at := createAt(t, namespace, time.Now())
	foreign := newJob(at, "busybox")
	foreign.OwnerReferences, foreign.Labels = nil, nil // so that the cache does not hold it
	if err := api.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace)
	awaitAt(t, at, "NameConflict", isStalled(cnatv1.ReasonNameConflict))

	if err := api.Delete(t.Context(), foreign, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	awaitAt(t, at, "the At's own Job", func(status *cnatv1.AtStatus) bool { return status.JobUID != "" })
	if at.Status.JobUID == foreign.UID {
		t.Error("the foreign Job was adopted")
	}
}

// oldJob is the Job of an At as version 0.2.0 creates it.
func oldJob(at *cnatv1.At) *batchv1.Job {
	job := newJob(at, "busybox")
	job.Name, job.Spec.Suspend, job.Finalizers = oldJobName(at), nil, []string{oldRunFinalizer}
	job.Annotations = map[string]string{startedAtAnnotation: time.Now().UTC().Format(time.RFC3339Nano)}
	job.OwnerReferences[0].APIVersion = cnatv1alpha1.GroupVersion.String()
	return job
}

// A Job that version 0.2.0 created is the run, whether its At's status knows it
// or not, and loses the finalizer.
func TestUpgrade(t *testing.T) {
	for name, test := range map[string]struct{ recorded, jobDeleted, atDeleted bool }{
		"the status does not know it":                     {},
		"the status knows it":                             {recorded: true},
		"it was deleted, and the status does not know it": {jobDeleted: true},
		"its At was deleted":                              {atDeleted: true},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			at := createAt(t, namespace, time.Now())
			job := oldJob(at)
			create(t, job)
			if test.recorded {
				playStatus(t, at, func() {
					at.Status.Phase, at.Status.JobName, at.Status.JobUID = cnatv1.AtPending, job.Name, job.UID
				})
			}
			background := client.PropagationPolicy(metav1.DeletePropagationBackground)
			if test.jobDeleted || test.atDeleted { // by the garbage collector
				if err := api.Delete(t.Context(), job, background); err != nil {
					t.Fatal(err)
				}
			}
			if test.atDeleted {
				if err := api.Delete(t.Context(), at); err != nil {
					t.Fatal(err)
				}
				startOperator(t, namespace)
				awaitGone(t, job)
				return
			}
			startOperator(t, namespace)
			awaitAt(t, at, "the Job's UID", func(status *cnatv1.AtStatus) bool { return status.JobUID == job.UID })
			if test.jobDeleted {
				awaitGone(t, job)
				awaitAt(t, at, "Failed", isPhase(cnatv1.AtFailed))
			} else {
				eventually(t, "the finalizer to be removed", func() (bool, error) {
					err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
					return err == nil && len(job.Finalizers) == 0, err
				})
			}
			jobs := &batchv1.JobList{}
			if err := api.List(t.Context(), jobs, client.InNamespace(namespace)); err != nil || len(jobs.Items) > 1 {
				t.Errorf("there are other Jobs: %+v, %v", jobs.Items, err)
			}
		})
	}
}
