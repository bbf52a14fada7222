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
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// waysToRefuse make the API server refuse each Job of a namespace. Deleting the
// object that is returned clears the refusal.
var waysToRefuse = map[string]struct {
	refuse func(t *testing.T, namespace string) client.Object
	words  string // of the API server
}{
	"a quota":                           {quotaOfNoJobs, "exceeded quota: none"},
	"an admission policy":               {policyAgainstJobs, "no Jobs on Sundays"},
	"a webhook that can't be reached":   {webhookNowhere, `failed calling webhook "nowhere.example.com"`},
	"a namespace that is being deleted": {deletedNamespace, "because it is being terminated"},
}

func quotaOfNoJobs(t *testing.T, namespace string) client.Object {
	t.Helper()
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none", Namespace: namespace},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}},
	}
	create(t, quota)
	playStatus(t, quota, func() { quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, quota.Spec.Hard })
	return quota
}

func policyAgainstJobs(t *testing.T, namespace string) client.Object {
	t.Helper()
	return policyAgainst(t, namespace, creationOfJobs)
}

func policyAgainst(t *testing.T, namespace string, what admissionv1.RuleWithOperations) client.Object {
	t.Helper()
	return policyWith(t, namespace, what, admissionv1.Validation{Expression: "false", Message: "no Jobs on Sundays"})
}

func policyWith(t *testing.T, namespace string, what admissionv1.RuleWithOperations, rule admissionv1.Validation) client.Object {
	t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{
				{RuleWithOperations: what},
			}},
			Validations: []admissionv1.Validation{rule},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        policy.Name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources:    &admissionv1.MatchResources{NamespaceSelector: only(namespace)},
		},
	}
	create(t, policy)
	create(t, binding)
	return binding
}

func webhookNowhere(t *testing.T, namespace string) client.Object {
	t.Helper()
	return webhookAgainst(t, namespace, creationOfJobs)
}

func webhookAgainst(
	t *testing.T, namespace string, what admissionv1.RuleWithOperations, changes ...func(*admissionv1.ValidatingWebhook),
) client.Object {
	t.Helper()
	webhook := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name:                    "nowhere.example.com",
			ClientConfig:            admissionv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:1/")}, // nobody listens there
			Rules:                   []admissionv1.RuleWithOperations{what},
			NamespaceSelector:       only(namespace),
			FailurePolicy:           ptr.To(admissionv1.Fail),
			SideEffects:             ptr.To(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	for _, change := range changes {
		change(&webhook.Webhooks[0])
	}
	create(t, webhook)
	return webhook
}

// deletedNamespace stays, since no controller empties it here. Nothing clears this refusal.
func deletedNamespace(t *testing.T, namespace string) client.Object {
	t.Helper()
	if err := api.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	return nil
}

var creationOfJobs = admissionv1.RuleWithOperations{
	Operations: []admissionv1.OperationType{admissionv1.Create},
	Rule:       admissionv1.Rule{APIGroups: []string{"batch"}, APIVersions: []string{"v1"}, Resources: []string{"jobs"}},
}

func only(namespace string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// awaitRefusal waits until the API server knows of what makes it refuse Jobs.
func awaitRefusal(t *testing.T, at *cnatv1.At, words string) {
	t.Helper()
	eventually(t, "the API server to refuse Jobs", func() (bool, error) {
		err := api.Create(t.Context(), newJob(at, "busybox"), client.DryRunAll)
		if err == nil {
			return false, errors.New("a Job is accepted")
		}
		if !strings.Contains(err.Error(), words) {
			return false, err
		}
		return true, nil
	})
}

// What stands in the way of a Job is reported in the API server's words, and once
// it is removed, the Job is created.
func TestRefusedJobIsCreatedWhenItMay(t *testing.T) {
	for name, test := range waysToRefuse {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			at := createAt(t, namespace, time.Now())
			obstacle := test.refuse(t, namespace)
			awaitRefusal(t, at, test.words)
			startOperator(t, namespace)
			awaitAt(t, at, "JobRefused", isStalled(cnatv1.ReasonJobRefused))
			if !strings.Contains(at.Status.Message, test.words) {
				t.Errorf("the message does not have the API server's words: %q", at.Status.Message)
			}
			if obstacle == nil {
				return
			}
			if err := api.Delete(t.Context(), obstacle); err != nil {
				t.Fatal(err)
			}
			awaitAt(t, at, "the Job to be recorded", func(status *cnatv1.AtStatus) bool { return status.JobUID != "" })
			if isStalled(cnatv1.ReasonJobRefused)(&at.Status) {
				t.Errorf("still reported as refused: %+v", at.Status)
			}
		})
	}
}

// Too late is never, also if it was refused until then; and the reason is reported.
func TestRefusedUntilTooLateIsMissed(t *testing.T) {
	for name, test := range waysToRefuse {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			at := createAt(t, namespace, time.Now().Add(time.Hour))
			test.refuse(t, namespace)
			awaitRefusal(t, at, test.words)
			startOperator(t, namespace)
			change(t, at, func() {
				at.Spec.Schedule, at.Spec.StartingDeadlineSeconds = ptr.To(metav1.Now()), 15
			})
			awaitAt(t, at, "Missed", isPhase(cnatv1.AtMissed))
			if !strings.Contains(at.Status.Message, test.words) {
				t.Errorf("the message does not have the API server's words: %q", at.Status.Message)
			}
			jobs := &batchv1.JobList{}
			if err := api.List(t.Context(), jobs, client.InNamespace(namespace)); err != nil || len(jobs.Items) > 0 {
				t.Errorf("there are Jobs, or no telling: %v %v", jobs.Items, err)
			}
		})
	}
}

// A policy may take a Job, and refuse its start, with the code that a patch
// has whose test fails. That is reported, and tried again.
func TestRefusedStart(t *testing.T) {
	t.Parallel()
	at, job, clock := prepareAt(t)
	updates := creationOfJobs
	updates.Operations = []admissionv1.OperationType{admissionv1.Update}
	policy := policyAgainst(t, at.Namespace, updates)
	eventually(t, "the API server to refuse edits of Jobs", func() (bool, error) {
		edited := job.DeepCopy()
		edited.Labels["a"] = "b"
		err := api.Patch(t.Context(), edited, client.MergeFrom(job), client.DryRunAll)
		if err != nil && strings.Contains(err.Error(), "no Jobs on Sundays") {
			return true, nil
		}
		return false, err
	})
	clock.free.Store(true)
	awaitAt(t, at, "JobRefused", isStalled(cnatv1.ReasonJobRefused))
	if !strings.Contains(at.Status.Message, "no Jobs on Sundays") {
		t.Errorf("the message does not have the API server's words: %q", at.Status.Message)
	}
	if err := api.Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	awaitAt(t, at, "the Job to be recorded", func(status *cnatv1.AtStatus) bool { return status.JobUID == job.UID })
}

// A refusal that is worded anew each time is tried again as seldom as any other: after 100 ms, then after twice the time.
func TestRewordedRefusalIsTriedSeldom(t *testing.T) {
	const span, most = 5 * time.Second, 8 // at 0, 0.1, 0.3, 0.7, 1.5 and 3.1 s, and by the dry run
	namespace := newNamespace(t)
	at := createAt(t, namespace, time.Now())
	policyWith(t, namespace, creationOfJobs, admissionv1.Validation{
		Expression: "false", MessageExpression: `"refused as " + object.metadata.uid`,
	})
	awaitRefusal(t, at, "refused as ")
	startOperator(t, namespace)
	awaitAt(t, at, "JobRefused", isStalled(cnatv1.ReasonJobRefused))
	messages := map[string]bool{}
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(at), at); err != nil {
			t.Fatal(err)
		}
		if isStalled(cnatv1.ReasonJobRefused)(&at.Status) {
			messages[at.Status.Message] = true
		}
	}
	if len(messages) < 3 || len(messages) > most {
		t.Errorf("in %s it was refused in %d ways", span, len(messages))
	}
}
