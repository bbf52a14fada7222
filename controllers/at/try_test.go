package at

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// A Job that the API server would not take is reported when the At is created or
// edited, years before it is due, and while it is suspended.
func TestWrongSpecIsReportedAtOnce(t *testing.T) {
	for name, change := range map[string]func(*cnatv1.At){
		"far":       func(*cnatv1.At) {},
		"suspended": suspended,
		"suspended, and its time has passed": func(at *cnatv1.At) {
			suspended(at)
			at.Spec.Schedule = &metav1.Time{Time: time.Now().AddDate(-3, 0, 0)}
		},
	} {
		t.Run(name, func(t *testing.T) { reportsWrongSpec(t, change) })
	}
}

func reportsWrongSpec(t *testing.T, with func(*cnatv1.At)) {
	t.Helper()
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Name: "wrong", Namespace: namespace},
		Spec: cnatv1.AtSpec{
			Schedule: &metav1.Time{Time: time.Now().AddDate(3, 0, 0)},
			Run:      runv1.Run{Containers: []corev1.Container{{Name: "My_Task", Image: "b"}}},
		},
	}
	with(at)
	create(t, at)
	reported := func(refused bool) func(*cnatv1.AtStatus) bool {
		return func(status *cnatv1.AtStatus) bool {
			return status.ObservedGeneration == at.Generation && isStalled(cnatv1.ReasonJobRefused)(status) == refused &&
				isTrue(status, cnatv1.ConditionSuspended) == isSuspended(at)
		}
	}
	awaitAt(t, at, "JobRefused", reported(true))
	if !strings.Contains(at.Status.Message, `Invalid value: "My_Task"`) {
		t.Errorf("the message is %q", at.Status.Message)
	}
	change(t, at, func() { at.Spec.Containers[0].Name = "my-task" })
	awaitAt(t, at, "not to be stalled", reported(false))
	jobs := &batchv1.JobList{}
	if err := api.List(t.Context(), jobs, client.InNamespace(namespace)); err != nil || len(jobs.Items) > 0 {
		t.Errorf("trying left Jobs, or it is not known: %v %v", jobs.Items, err)
	}
}

// Others use up a quota now; whether they do when the At is due is not known.
func TestQuotaOfThisMomentIsNoMistake(t *testing.T) {
	namespace := newNamespace(t)
	quotaOfNoJobs(t, namespace)
	at := createAt(t, namespace, time.Now().Add(time.Hour))
	awaitRefusal(t, at, "exceeded quota")
	startOperator(t, namespace)
	awaitAt(t, at, "Pending, and not stalled", func(status *cnatv1.AtStatus) bool {
		return status.Phase == cnatv1.AtPending && meta.IsStatusConditionFalse(status.Conditions, cnatv1.ConditionStalled)
	})
}

// However long it is left alone after a refusal by a dry run, its Job is created
// on time.
func TestRefusalByTryEndsBeforeTheStart(t *testing.T) {
	refusals, at := &refusals{}, newAt()
	start := due.Add(time.Minute)
	var last *refusal
	for range 20 {
		last = refusals.note(at, cnatv1.ReasonJobRefused, "no", due, start)
	}
	if !last.until.Equal(start) {
		t.Errorf("left alone until %s, want the start at %s", last.until, start)
	}
	if last = refusals.note(at, cnatv1.ReasonJobRefused, strings.Repeat("no", 1<<20), due); len(last.message) > maxMessage {
		t.Errorf("%d bytes of a refusal are kept", len(last.message))
	}
}

// While the API server answers no dry runs, as many as there are, others start on time.
func TestNobodyWaitsForTries(t *testing.T) {
	namespace := newNamespace(t)
	asked := silentForDryRuns(t, namespace)
	startOperator(t, namespace)
	for i := range 3 * maxTries {
		create(t, &cnatv1.At{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("far-%d", i), Namespace: namespace},
			Spec:       cnatv1.AtSpec{Schedule: &metav1.Time{Time: time.Now().AddDate(1, 0, 0)}, Run: runv1.Run{Command: "true"}},
		})
	}
	eventually(t, "as many tries as may be", func() (bool, error) { return asked.Load() == maxTries, nil })
	start := time.Now().Add(2 * time.Second).Truncate(time.Millisecond)
	at := createAt(t, namespace, start)
	awaitAt(t, at, "started", func(status *cnatv1.AtStatus) bool { return status.JobUID != "" })
	if late := time.Since(start); late > 5*time.Second {
		t.Errorf("started %s late", late)
	}
	last := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("far-%d", 3*maxTries-1), Namespace: namespace}}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(last), last); err != nil || last.Status.ObservedGeneration > 0 {
		t.Errorf("the last of the others does not wait: %v %+v", err, last.Status)
	}
}

// silentForDryRuns has a webhook asked about the namespace's dry runs that never answers, and counts how often it is asked.
func silentForDryRuns(t *testing.T, namespace string) *atomic.Int32 {
	t.Helper()
	asked := &atomic.Int32{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	webhookAgainst(t, namespace, creationOfJobs, func(webhook *admissionv1.ValidatingWebhook) {
		webhook.ClientConfig.URL = ptr.To("https://" + listener.Addr().String())
		webhook.TimeoutSeconds = ptr.To[int32](30)
		webhook.MatchConditions = []admissionv1.MatchCondition{{Name: "dry-run", Expression: "request.dryRun"}}
	})
	return asked
}
