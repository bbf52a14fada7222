package e2e

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// suspended is whether an At reports that its Job is suspended.
func suspended(status *cnatv1.AtStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, cnatv1.ConditionSuspended)
}

// suspendJob is what a user, or a queue, does to a Job.
func suspendJob(ctx SpecContext, at *cnatv1.At) {
	GinkgoHelper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Status.JobName}}
	Expect(k8s.Patch(ctx, job, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`)))).To(Succeed())
}

var _ = Describe("At whose Job is suspended", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	expectNoJob := func(ctx SpecContext) {
		GinkgoHelper()
		Eventually(ctx, func(g Gomega) {
			jobs := &batchv1.JobList{}
			g.Expect(k8s.List(ctx, jobs, client.InNamespace(namespace))).To(Succeed())
			g.Expect(jobs.Items).To(BeEmpty())
		}).Should(Succeed())
	}

	It("waits in a queue, and is cancelled there", func(ctx SpecContext) {
		Expect(create(ctx, namespace, `apiVersion: cnat.programming-kubernetes.info/v1
kind: At
metadata: {name: queued, labels: {kueue.x-k8s.io/queue-name: nobody-starts-it}}
spec: {after: 1s, command: "echo hi"}
`)).To(Succeed())
		at := awaitAt(ctx, namespace, "queued", suspended)
		Expect(k8s.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`)))).To(Succeed())
		at = awaitAt(ctx, namespace, "queued", inPhase(cnatv1.AtCancelled))
		Expect(at.Status.StartTime).To(BeNil())
		expectNoJob(ctx)
	})

	It("is cancelled after its Job was suspended while it ran", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("paused", fmt.Sprintf("{after: 1s, containers: [%s]}", line("main", "exec sleep 600"))))).To(Succeed())
		at := awaitAt(ctx, namespace, "paused", inPhase(cnatv1.AtRunning))
		suspendJob(ctx, at)
		awaitAt(ctx, namespace, "paused", suspended)
		Expect(k8s.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`)))).To(Succeed())
		at = awaitAt(ctx, namespace, "paused", inPhase(cnatv1.AtCancelled))
		Expect(at.Status.StartTime).NotTo(BeNil(), "a container had started")
		Expect(at.Status.Message).To(HavePrefix("cancelled while its Job was suspended: "))
		expectNoJob(ctx)
	})

	It("ends when its deadline passes, which Kubernetes does not count then", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("late", fmt.Sprintf("{after: 1s, activeDeadlineSeconds: 20, containers: [%s]}",
			line("main", "exec sleep 600"))))).To(Succeed())
		at := awaitAt(ctx, namespace, "late", inPhase(cnatv1.AtRunning))
		suspendJob(ctx, at)
		awaitAt(ctx, namespace, "late", suspended)
		at = awaitAt(ctx, namespace, "late", inPhase(cnatv1.AtFailed))
		Expect(at.Status.Reason).To(Equal(cnatv1.ReasonDeadlineExceeded), "%+v", at.Status)
		Expect(at.Status.Message).To(Equal("ran longer than activeDeadlineSeconds (20 s), in which its Job was suspended"))
		expectNoJob(ctx)
	})
})
