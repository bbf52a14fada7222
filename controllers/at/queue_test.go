package at

import (
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// queueAllJobs puts each new Job of a namespace into a queue, as Kueue does by a default LocalQueue.
func queueAllJobs(t *testing.T, namespace string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: namespace}
	create(t, &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: meta,
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: creationOfJobs}},
			},
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{
					Expression: `Object{metadata: Object.metadata{labels: {"` + queueLabel + `": "default"}}}`,
				},
			}},
		},
	})
	create(t, &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{
			PolicyName: namespace, MatchResources: &admissionv1.MatchResources{NamespaceSelector: only(namespace)},
		},
	})
	probe := newJob(newAt(func(at *cnatv1.At) { at.Namespace = namespace }), "busybox")
	eventually(t, "the policy to be in force", func() (bool, error) {
		job := probe.DeepCopy()
		err := api.Create(t.Context(), job, client.DryRunAll)
		return err == nil && queued(job), err
	})
}

// jobsCreated are the Jobs of a namespace as they are created.
func jobsCreated(t *testing.T, namespace string) <-chan *batchv1.Job {
	t.Helper()
	watcher, err := client.NewWithWatch(apiConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	events, err := watcher.Watch(t.Context(), &batchv1.JobList{}, client.InNamespace(namespace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(events.Stop)
	jobs := make(chan *batchv1.Job, 10)
	go func() {
		known := map[types.UID]bool{}
		for event := range events.ResultChan() {
			if job, ok := event.Object.(*batchv1.Job); ok && event.Type == apiwatch.Added && !known[job.UID] {
				known[job.UID] = true
				jobs <- job
			}
		}
	}()
	return jobs
}

// A Job that its namespace puts into a queue could be admitted at once: it is not created before it is due.
func TestJobOfDefaultQueueIsNotPrepared(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	queueAllJobs(t, namespace)
	jobs := jobsCreated(t, namespace)
	startOperator(t, namespace)
	for name, ahead := range map[string]time.Duration{"far": 6 * time.Second, "near": 2 * time.Second} {
		schedule := time.Now().Add(ahead).Truncate(time.Second)
		at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
		at.Spec.Schedule, at.Spec.Command = &metav1.Time{Time: schedule}, "echo YAY"
		create(t, at)
		job := <-jobs
		if created := job.CreationTimestamp.Time; created.Before(schedule) {
			t.Errorf("%s: the Job is created at %s, and due at %s", name, created, schedule)
		}
		awaitAt(t, at, "to be queued", func(status *cnatv1.AtStatus) bool {
			return status.Queue == "default" && isTrue(status, cnatv1.ConditionSuspended)
		})
	}
}

// Where the default came later than the At, its prepared Job is taken back, and created again when it is due.
func TestQueuedJobIsTakenBack(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	jobs := jobsCreated(t, namespace)
	schedule := time.Now().Add(10 * time.Second).Truncate(time.Second)
	at := createAt(t, namespace, schedule)
	playStatus(t, at, func() { // it was tried long ago
		at.Status.Phase, at.Status.ObservedGeneration = cnatv1.AtPending, at.Generation
	})
	queueAllJobs(t, namespace)
	startOperator(t, namespace)
	first, second := <-jobs, <-jobs
	if first.UID == second.UID || !queued(first) || second.CreationTimestamp.Time.Before(schedule) {
		t.Errorf("Jobs %s of %s and %s of %s, due at %s", first.UID, first.CreationTimestamp, second.UID, second.CreationTimestamp, schedule)
	}
	awaitAt(t, at, "to be queued", func(status *cnatv1.AtStatus) bool {
		return status.PreparedJobUID == second.UID && isTrue(status, cnatv1.ConditionSuspended)
	})
	eventually(t, "the queue to start it", func() (bool, error) {
		job := second.DeepCopy()
		err := api.Patch(t.Context(), job, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":false}}`)))
		return err == nil, err
	})
	awaitAt(t, at, "the Job's UID", func(status *cnatv1.AtStatus) bool { return status.JobUID == second.UID })
}
