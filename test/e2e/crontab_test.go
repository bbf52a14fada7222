package e2e

import (
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

// crontabOf is the manifest of a CronTab with a spec.
func crontabOf(name, spec string) string {
	return fmt.Sprintf("{apiVersion: stable.example.com/v1, kind: CronTab, metadata: {name: %s}, spec: %s}", name, spec)
}

// awaitCronTab waits until a CronTab's status is as wanted.
func awaitCronTab(ctx SpecContext, namespace, name string, wanted func(*crontabv1.CronTabStatus) bool) *crontabv1.CronTab {
	GinkgoHelper()
	tab := &crontabv1.CronTab{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, tab)).To(Succeed())
		g.Expect(wanted(&tab.Status)).To(BeTrue(), "%+v", tab.Status)
	}).Should(Succeed())
	return tab
}

func scheduled(status *crontabv1.CronTabStatus) bool { return status.Next != nil }

var _ = Describe("CronTab", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("runs each minute, on time, and knows when; a cancelled run is skipped, and no other", func(ctx SpecContext) {
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "* * * * *", command: 'echo "of $SCHEDULED_TIME"'}`))).To(Succeed())
		first := awaitCronTab(ctx, namespace, "tab", scheduled).Status.Next
		at := awaitAt(ctx, namespace, first.Name, inPhase(cnatv1.AtSucceeded))
		Expect(logOf(ctx, at)).To(Equal("of " + first.ScheduledTime.UTC().Format(time.RFC3339)))
		Expect(at.Status.StartLatency.Duration).To(BeNumerically("<", 5*time.Second))

		second := awaitCronTab(ctx, namespace, "tab", func(status *crontabv1.CronTabStatus) bool {
			return status.Next != nil && status.Next.Name != first.Name
		})
		Expect(second.Status.LastScheduleTime.Time).To(BeTemporally("==", first.ScheduledTime.Time))
		Expect(second.Status.Next.ScheduledTime.Time).To(BeTemporally("==", first.ScheduledTime.Add(time.Minute)))
		Expect(second.Status.Next.Name).To(Equal("tab-" + strconv.FormatInt(first.ScheduledTime.Unix()+60, 10)))
		output, err := kubectl(ctx, namespace, "get", "ct")
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(output).To(MatchRegexp(`(?s)NEXT +LAST .* %s +[0-9]+s `, second.Status.NextScheduleTime.UTC().Format(time.RFC3339)))

		output, err = kubectl(ctx, namespace, "patch", "at", second.Status.Next.Name, "--type=merge", `--patch={"spec":{"cancel":true}}`)
		Expect(err).NotTo(HaveOccurred(), output)
		third := awaitCronTab(ctx, namespace, "tab", func(status *crontabv1.CronTabStatus) bool {
			return status.Next != nil && status.Next.ScheduledTime.After(second.Status.Next.ScheduledTime.Time)
		})
		awaitAt(ctx, namespace, third.Status.Next.Name, inPhase(cnatv1.AtSucceeded))
		skipped := awaitAt(ctx, namespace, second.Status.Next.Name, inPhase(cnatv1.AtCancelled))
		Expect(skipped.Status.JobUID).To(BeEmpty())
		Expect(ptr.Deref(third.Status.MissedRuns, 0)).To(BeZero())
	}, SpecTimeout(6*time.Minute))

	It("has as many pods as kubectl scale says from the next run on", func(ctx SpecContext) {
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "* * * * *", command: "echo $JOB_COMPLETION_INDEX"}`))).To(Succeed())
		first := awaitCronTab(ctx, namespace, "tab", scheduled).Status.Next
		output, err := kubectl(ctx, namespace, "scale", "ct/tab", "--replicas=3")
		Expect(err).NotTo(HaveOccurred(), output)
		at := &cnatv1.At{}
		Eventually(ctx, func(g Gomega) {
			tab := &crontabv1.CronTab{}
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "tab"}, tab)).To(Succeed())
			g.Expect(tab.Status.Next).NotTo(BeNil())
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: tab.Status.Next.Name}, at)).To(Succeed())
			g.Expect(at.Spec.Replicas).To(Equal(int32(3)), "the run of %s", tab.Status.Next.ScheduledTime)
		}).Should(Succeed())
		Expect(at.DueTime().Sub(first.ScheduledTime.Time)).To(BeNumerically("<=", time.Minute), "the next run, or the one after if that was about to start")
		awaitAt(ctx, namespace, at.Name, inPhase(cnatv1.AtSucceeded))
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{"app.kubernetes.io/instance": at.Name})).To(Succeed())
		Expect(pods.Items).To(HaveLen(3))
	}, SpecTimeout(6*time.Minute))

	It("runs now when asked", func(ctx SpecContext) {
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "@yearly", replicas: 3, command: "echo $JOB_COMPLETION_INDEX"}`))).To(Succeed())
		awaitCronTab(ctx, namespace, "tab", scheduled)
		output, err := kubectl(ctx, namespace, "annotate", "ct/tab", crontabv1.AnnotationRunRequest+"=now")
		Expect(err).NotTo(HaveOccurred(), output)
		tab := awaitCronTab(ctx, namespace, "tab", func(status *crontabv1.CronTabStatus) bool {
			return status.LastRequest == "now" && status.LastSuccessfulTime != nil
		})
		Expect(tab.Status.LastScheduleTime).To(BeNil(), "a run that was asked for is not a scheduled one")
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{"stable.example.com/crontab": "tab"})).To(Succeed())
		Expect(pods.Items).To(HaveLen(3))
	})

	It("reports a run that can't start, and a schedule that never comes", func(ctx SpecContext) {
		Expect(create(ctx, namespace, crontabOf("tab", fmt.Sprintf(`{cronSpec: "@yearly", image: %q}`, missingImage())))).To(Succeed())
		awaitCronTab(ctx, namespace, "tab", scheduled)
		output, err := kubectl(ctx, namespace, "annotate", "ct/tab", crontabv1.AnnotationRunRequest+"=now")
		Expect(err).NotTo(HaveOccurred(), output)
		tab := awaitCronTab(ctx, namespace, "tab", func(status *crontabv1.CronTabStatus) bool {
			return meta.IsStatusConditionTrue(status.Conditions, crontabv1.ConditionStalled)
		})
		stalled := meta.FindStatusCondition(tab.Status.Conditions, crontabv1.ConditionStalled)
		Expect(stalled.Reason).To(Equal(cnatv1.ReasonPodNotStarting))
		Expect(stalled.Message).To(ContainSubstring(missingImage()))

		Expect(create(ctx, namespace, crontabOf("never", `{cronSpec: "0 0 31 2 *", command: "true"}`))).To(Succeed())
		awaitCronTab(ctx, namespace, "never", func(status *crontabv1.CronTabStatus) bool {
			stalled := meta.FindStatusCondition(status.Conditions, crontabv1.ConditionStalled)
			return stalled != nil && stalled.Reason == crontabv1.ReasonInvalidSchedule
		})
	})

	It("leaves its author's finalizer alone, and starts nothing while it is being deleted", func(ctx SpecContext) {
		Expect(create(ctx, namespace, `{apiVersion: stable.example.com/v1, kind: CronTab, metadata: {name: tab, finalizers: [finalizer.stable.example.com]},
			spec: {cronSpec: "*/5 * * * *", image: my-awesome-cron-image}}`)).To(Succeed())
		tab := awaitCronTab(ctx, namespace, "tab", scheduled)
		Expect(k8s.Delete(ctx, tab)).To(Succeed())
		tab = awaitCronTab(ctx, namespace, "tab", func(status *crontabv1.CronTabStatus) bool { return status.Next == nil })
		Expect(tab.Finalizers).To(ConsistOf("finalizer.stable.example.com"))
		Eventually(ctx, func(g Gomega) {
			ats := &cnatv1.AtList{}
			g.Expect(k8s.List(ctx, ats, client.InNamespace(namespace))).To(Succeed())
			g.Expect(ats.Items).To(BeEmpty())
		}).Should(Succeed())
		tab.Finalizers = nil
		Expect(k8s.Update(ctx, tab)).To(Succeed())
	})
})
