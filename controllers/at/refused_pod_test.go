package at

import (
	"errors"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

var creationOfPods = admissionv1.RuleWithOperations{
	Operations: []admissionv1.OperationType{admissionv1.Create},
	Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
}

// waysToRefusePods make the API server refuse each pod of a namespace. Deleting the object that is returned clears the refusal.
var waysToRefusePods = map[string]struct {
	refuse func(t *testing.T, namespace string) client.Object
	words  string // of the API server
}{
	"a LimitRange": {limitRange, "minimum memory usage per Pod is 1Gi"},
	"an admission policy": {func(t *testing.T, namespace string) client.Object {
		t.Helper()
		return policyAgainst(t, namespace, creationOfPods)
	}, "no Jobs on Sundays"},
	"a webhook that can't be reached": {func(t *testing.T, namespace string) client.Object {
		t.Helper()
		return webhookAgainst(t, namespace, creationOfPods)
	}, `failed calling webhook "nowhere.example.com"`},
}

func limitRange(t *testing.T, namespace string) client.Object {
	t.Helper()
	limits := &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "large", Namespace: namespace},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypePod, Min: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
		}}},
	}
	create(t, limits)
	return limits
}

// refusedPod is what the API server answers to the Job controller that creates the Job's pod.
func refusedPod(t *testing.T, job *batchv1.Job) error {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(), Spec: *job.Spec.Template.Spec.DeepCopy()}
	pod.Name, pod.Namespace = job.Name+"-refused", job.Namespace
	return api.Create(t.Context(), pod, client.DryRunAll)
}

// What stands in the way of a pod is reported in the API server's words, and no longer once the pod is there.
func TestWhatRefusesPodsIsReported(t *testing.T) {
	for name, test := range waysToRefusePods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			obstacle := test.refuse(t, namespace)
			startOperator(t, namespace)
			at := createAt(t, namespace, time.Now())
			job := awaitJob(t, at)
			awaitAt(t, at, "the Job to be recorded", func(status *cnatv1.AtStatus) bool { return status.JobUID == job.UID })
			var refusal error
			eventually(t, "the API server to refuse pods", func() (bool, error) {
				if refusal = refusedPod(t, job); refusal == nil {
					return false, errors.New("a pod is accepted")
				}
				return strings.Contains(refusal.Error(), test.words), nil
			})
			playEvent(t, "Job", job, "job-controller", "FailedCreate", "Error creating: "+refusal.Error())
			awaitAt(t, at, "PodRefused", isStalled(cnatv1.ReasonPodRefused))
			if at.Status.Phase != cnatv1.AtPending || !strings.Contains(at.Status.Message, test.words) {
				t.Errorf("%s", describe(at))
			}
			if err := api.Delete(t.Context(), obstacle); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the API server to take pods", func() (bool, error) {
				err := refusedPod(t, job)
				return err == nil, err
			})
			playPod(t, job, running())
			awaitAt(t, at, "Running, and not stalled", func(status *cnatv1.AtStatus) bool {
				return status.Phase == cnatv1.AtRunning && !isTrue(status, cnatv1.ConditionStalled)
			})
		})
	}
}
