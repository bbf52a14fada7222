package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/health"
)

// What kstatus and Argo CD say of an At in each phase, and for each reason that there is of a condition.
func TestHealth(t *testing.T) {
	observes := func(changes ...func(*batchv1.Job)) observation {
		return observation{step: stepObserve, job: jobOf(newAt(), changes...)}
	}
	started, tried := startedAs("job-uid"), &refusal{reason: cnatv1.ReasonJobRefused, message: "no"}
	tests := map[string]struct {
		at   *cnatv1.At
		seen observation
		pod  *corev1.Pod
		want health.Verdict
	}{
		"waits for 2030": {at: newAt(in2030), seen: observation{step: stepWait}, want: health.Current},
		"is prepared":    {at: newAt(), seen: observation{step: stepRecord, job: preparedJob(newAt())}, want: health.Current},
		"is due":         {at: newAt(prepared("job-uid")), seen: observation{step: stepReady}, want: health.Current},
		"suspended":      {at: newAt(suspended), seen: observation{step: stepSuspend}, want: health.Suspended},
		"queued": {
			at:   newAt(),
			seen: observation{step: stepQueued, job: preparedJob(newAt(), inQueue), queue: "Kueue"}, want: health.InProgress,
		},
		"its Job is refused": {at: newAt(), seen: observation{step: stepRefused, refusal: tried}, want: health.Failed},
		"suspended, and its Job is refused": {
			at: newAt(suspended), seen: observation{step: stepRefused, refusal: tried}, want: health.Failed,
		},
		"another object has the Job's name": {
			at: newAt(), want: health.Failed,
			seen: observation{step: stepRefused, refusal: &refusal{reason: cnatv1.ReasonNameConflict, message: "x"}},
		},
		"started, no pod yet": {at: newAt(started), seen: observes(), want: health.InProgress},
		"container creating": {
			at: newAt(started), seen: observes(), pod: newPod(waiting("ContainerCreating", "")), want: health.InProgress,
		},
		"image can't be pulled": {
			at: newAt(started), seen: observes(), pod: newPod(waiting("ErrImagePull", "x")), want: health.Failed,
		},
		"no node takes its pod": {
			at: newAt(started), seen: observes(), pod: unscheduled("Unschedulable", "x"), want: health.Failed,
		},
		"gated": {
			at: newAt(started), seen: observes(), pod: unscheduled(corev1.PodReasonSchedulingGated, "x"), want: health.InProgress,
		},
		"its Job was suspended by hand": {at: newAt(started), seen: observes(suspendedByHand), want: health.InProgress},
		"running":                       {at: newAt(started), seen: observes(), pod: newPod(running()), want: health.InProgress},
		"running after its image was pulled": {
			at: newAt(started, heldUp), seen: observes(), pod: newPod(running()), want: health.InProgress,
		},
		"held up while it ran": {
			at: newAt(started, hasRun, inProgress), seen: observes(), pod: newPod(waiting("ErrImagePull", "x")), want: health.Failed,
		},
		"an attempt failed, another follows": {
			at: newAt(started, hasRun), seen: observes(retries(2)), pod: newPod(ended(1, "x")), want: health.InProgress,
		},
		"succeeded": {
			at: newAt(started, inProgress), seen: observes(with(batchv1.JobComplete, "")), pod: newPod(ended(0, "")),
			want: health.Current,
		},
		"succeeded, after it was held up": {
			at: newAt(started, heldUp), seen: observes(with(batchv1.JobComplete, "")), want: health.Current,
		},
		"failed": {
			at: newAt(started, inProgress), seen: observes(with(batchv1.JobFailed, "x")), pod: newPod(ended(1, "x")),
			want: health.Failed,
		},
		"failed, its pod deleted": {at: newAt(started), seen: observes(with(batchv1.JobFailed, "x")), want: health.Failed},
		"ran too long": {
			at: newAt(started, activeDeadline(90)), seen: observes(endedByDeadline), pod: newPod(ended(143, "")), want: health.Failed,
		},
		"waited too long": {
			at: newAt(started, pendingDeadline(60), heldUp), seen: observes(stoppedByDeadline), want: health.Failed,
		},
		"its Job was deleted": {at: newAt(started, hasRun), seen: observation{step: stepLost}, want: health.Failed},
		"missed":              {at: newAt(startingDeadline(60)), seen: observation{step: stepMiss}, want: health.Failed},
		"cancelled before it started": {
			at: newAt(cancelled), seen: observation{step: stepCancel}, want: health.Current,
		},
		"cancelled while it was held up": {
			at: newAt(started, cancelled, heldUp), seen: observes(stoppedByDeadline), want: health.Current,
		},
		"being deleted while it runs": {
			at: newAt(started, deletedBy(due)), seen: observes(), pod: newPod(running()), want: health.Terminating,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.seen.now = due.Add(3 * time.Second)
			if test.pod != nil {
				test.seen.run = observeRun([]corev1.Pod{*test.pod})
			}
			at := test.at.DeepCopy()
			at.Status = nextStatus(at, test.seen)
			health.Check(t, at, scheme, test.want)

			if at.DeletionTimestamp == nil { // what was edited since is not judged by what was reported before
				at.Generation++
				health.Check(t, at, scheme, health.InProgress)
			}
		})
	}
}

func in2030(at *cnatv1.At) {
	at.Spec.Schedule = ptr.To(metav1.NewTime(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// inProgress makes an At one whose status says that its run goes on.
func inProgress(at *cnatv1.At) {
	at.Status.ObservedGeneration = at.Generation
	proceed(&at.Status, observation{now: due}, cnatv1.ReasonRunning, nil)
}

func deletedBy(moment time.Time) func(*cnatv1.At) {
	return func(at *cnatv1.At) { at.DeletionTimestamp = &metav1.Time{Time: moment} }
}

// Until the operator has seen an At, it is in progress: kstatus takes an object without status for a good one.
func TestHealthOfNew(t *testing.T) {
	at := newAt()
	at.ObjectMeta = metav1.ObjectMeta{Name: "new", Namespace: newNamespace(t)}
	if err := api.Create(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), types.NamespacedName{Namespace: at.Namespace, Name: at.Name}, at); err != nil {
		t.Fatal(err)
	}
	health.Check(t, at, scheme, health.InProgress)
}
