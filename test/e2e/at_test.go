package e2e

import (
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// atManifest is an At with a command. An empty schedule is long past.
func atManifest(name, schedule, command string) string {
	if schedule == "" {
		schedule = "2019-07-03T02:00:00Z"
	}
	return fmt.Sprintf(`
apiVersion: cnat.programming-kubernetes.info/v1
kind: At
metadata: {name: %s}
spec: {schedule: %q, command: %q}
`, name, schedule, command)
}

// awaitAt waits until an At is as wanted.
func awaitAt(ctx SpecContext, namespace, name string, wanted func(*cnatv1.AtStatus) bool) *cnatv1.At {
	GinkgoHelper()
	at := &cnatv1.At{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, at)).To(Succeed())
		g.Expect(wanted(&at.Status)).To(BeTrue(), "%+v", at.Status)
	}).Should(Succeed())
	return at
}

func inPhase(phase cnatv1.AtPhase) func(*cnatv1.AtStatus) bool {
	return func(status *cnatv1.AtStatus) bool { return status.Phase == phase }
}

func stalled(reason string) func(*cnatv1.AtStatus) bool {
	return func(status *cnatv1.AtStatus) bool {
		condition := meta.FindStatusCondition(status.Conditions, cnatv1.ConditionStalled)
		return condition != nil && condition.Status == metav1.ConditionTrue && condition.Reason == reason
	}
}

func logOf(ctx SpecContext, at *cnatv1.At) string {
	return podLog(ctx, at.Namespace, batchv1.JobNameLabel+"="+at.Status.JobName)
}

var _ = Describe("At", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("runs the users' manifests", func(ctx SpecContext) {
		sample(ctx, namespace, "cnat_v1alpha1_at.yaml")
		sample(ctx, namespace, "cnat_v1alpha1_at_command.yaml")
		sample(ctx, namespace, "cnat_v1_at.yaml")

		at := awaitAt(ctx, namespace, "cnrex", inPhase(cnatv1.AtSucceeded))
		Expect(logOf(ctx, at)).To(Equal("Hello, Shanghai!"))
		Expect(at.Status.ExitCode).To(HaveValue(BeZero()))
		Expect(meta.IsStatusConditionTrue(at.Status.Conditions, cnatv1.ConditionComplete)).To(BeTrue())
		Eventually(ctx, func() []string { return eventsOf(ctx, at) }).Should(ConsistOf("Scheduled", "Started", "Succeeded"))

		at = awaitAt(ctx, namespace, "yay", inPhase(cnatv1.AtSucceeded))
		Expect(logOf(ctx, at)).To(Equal("YAY"))

		at = awaitAt(ctx, namespace, "hello", inPhase(cnatv1.AtSucceeded))
		Expect(logOf(ctx, at)).To(Equal("Hello"))
	})

	It("waits for its time and runs then", func(ctx SpecContext) {
		due := time.Now().Add(15 * time.Second).Truncate(time.Second)
		Expect(create(ctx, namespace, atManifest("soon", due.UTC().Format(time.RFC3339), "date +%s"))).To(Succeed())
		at := awaitAt(ctx, namespace, "soon", inPhase(cnatv1.AtSucceeded))
		Expect(at.Status.ScheduledTime.Time).To(BeTemporally("==", due))
		Expect(at.Status.StartTime.Time).To(BeTemporally(">=", due))
		ran, err := strconv.ParseInt(logOf(ctx, at), 10, 64)
		Expect(err).NotTo(HaveOccurred())
		Expect(ran).To(BeNumerically(">=", due.Unix()))
	})

	It("reports why a run failed", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("broken", "", "echo no such file >&2; exit 3"))).To(Succeed())
		at := awaitAt(ctx, namespace, "broken", inPhase(cnatv1.AtFailed))
		Expect(at.Status.ExitCode).To(HaveValue(BeEquivalentTo(3)))
		Expect(at.Status.Message).To(Equal("container command failed with exit code 3: no such file"))
		Eventually(ctx, func() []string { return eventsOf(ctx, at) }).Should(ConsistOf("Scheduled", "Started", "Failed"))
	})

	It("does not run again when its Job is deleted", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("deleted", "", "sleep 300"))).To(Succeed())
		at := awaitAt(ctx, namespace, "deleted", inPhase(cnatv1.AtRunning))
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: at.Status.JobName}}
		Expect(k8s.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		at = awaitAt(ctx, namespace, "deleted", inPhase(cnatv1.AtFailed))
		Expect(meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionFailed).Reason).To(Equal(cnatv1.ReasonJobDeleted))
		Consistently(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(job), job) }, "3s").
			Should(Satisfy(apierrors.IsNotFound))
	})

	It("says that an image can't be pulled", func(ctx SpecContext) {
		at := &cnatv1.At{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "no-image"},
			Spec: cnatv1.AtSpec{
				Schedule: ptr.To(metav1.Now()),
				Run:      runv1.Run{Containers: []corev1.Container{{Name: "shell", Image: shellImage + "-is-not-there"}}},
			},
		}
		Expect(k8s.Create(ctx, at)).To(Succeed())
		at = awaitAt(ctx, namespace, "no-image", stalled(cnatv1.ReasonPodNotStarting))
		Expect(at.Status.Phase).To(Equal(cnatv1.AtPending))
		Expect(at.Status.Message).To(ContainSubstring("is-not-there"))
		Eventually(ctx, func() []string { return eventsOf(ctx, at) }).Should(ContainElement(cnatv1.ReasonPodNotStarting))
	})

	It("goes on by itself once a Secret that was missing is there", func(ctx SpecContext) {
		at := &cnatv1.At{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "no-secret"},
			Spec: cnatv1.AtSpec{
				Schedule: ptr.To(metav1.Now()),
				Run: runv1.Run{Containers: []corev1.Container{{
					Name: "shell", Image: shellImage, Command: []string{"sh", "-c", "echo $WORD"},
					Env: []corev1.EnvVar{{Name: "WORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
						LocalObjectReference: corev1.LocalObjectReference{Name: "words"}, Key: "word",
					}}}},
				}}},
			},
		}
		Expect(k8s.Create(ctx, at)).To(Succeed())
		at = awaitAt(ctx, namespace, "no-secret", stalled(cnatv1.ReasonPodNotStarting))
		Expect(at.Status.Message).To(ContainSubstring(`secret "words" not found`))

		Expect(k8s.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "words"},
			StringData: map[string]string{"word": "fixed"},
		})).To(Succeed())
		at = awaitAt(ctx, namespace, "no-secret", inPhase(cnatv1.AtSucceeded))
		Expect(logOf(ctx, at)).To(Equal("fixed"))
	})

	It("ends a run that is cancelled, gracefully", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("long", "", "trap 'exit 0' TERM; sleep 300 & wait"))).To(Succeed())
		at := awaitAt(ctx, namespace, "long", inPhase(cnatv1.AtRunning))
		Expect(k8s.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`)))).To(Succeed())
		at = awaitAt(ctx, namespace, "long", inPhase(cnatv1.AtCancelled))
		Expect(at.Status.Reason).To(Equal(cnatv1.ReasonCancelled))
	})

	It("gives up a run that does not start in time, and says what it waited for", func(ctx SpecContext) {
		at := &cnatv1.At{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "impatient"},
			Spec: cnatv1.AtSpec{
				After: &metav1.Duration{Duration: time.Second},
				Run:   runv1.Run{PendingDeadlineSeconds: 5, Containers: []corev1.Container{{Name: "shell", Image: shellImage + "-is-not-there"}}},
			},
		}
		Expect(k8s.Create(ctx, at)).To(Succeed())
		at = awaitAt(ctx, namespace, "impatient", inPhase(cnatv1.AtFailed))
		Expect(at.Status.Reason).To(Equal(cnatv1.ReasonPendingDeadlineExceeded))
		Expect(at.Status.Message).To(ContainSubstring("is-not-there"))
	})

	It("goes, with all that it owns, when its time to live is over", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("brief", "", "true"))).To(Succeed())
		at := awaitAt(ctx, namespace, "brief", inPhase(cnatv1.AtSucceeded))
		Expect(k8s.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ttlSecondsAfterFinished":1}}`)))).To(Succeed())
		for _, object := range []client.Object{at, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: at.Status.JobName}}} {
			Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(object), object) }).Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("does not let what it runs be changed once it has started", func(ctx SpecContext) {
		sample(ctx, namespace, "cnat_v1alpha1_at.yaml")
		at := awaitAt(ctx, namespace, "cnrex", inPhase(cnatv1.AtSucceeded))
		edited := at.DeepCopy()
		edited.Spec.Containers[0].Command = []string{"true"}
		Expect(k8s.Patch(ctx, edited, client.MergeFrom(at))).To(MatchError(ContainSubstring("can't be changed once the run has started")))
	})

	It("takes its Job along when it is deleted", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("gone", "", "true"))).To(Succeed())
		at := awaitAt(ctx, namespace, "gone", inPhase(cnatv1.AtSucceeded))
		Expect(k8s.Delete(ctx, at)).To(Succeed())
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: at.Status.JobName}}
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(job), job) }).Should(Satisfy(apierrors.IsNotFound))
	})

	DescribeTable("is refused with the field and the fix",
		func(ctx SpecContext, manifest, want string) {
			Expect(create(ctx, namespace, manifest)).To(MatchError(ContainSubstring(want)))
		},
		Entry("no zone", atManifest("bad", "2027-07-03T02:00:00", "true"), "spec.schedule: Invalid value"),
		Entry("no time", atManifest("bad", "tomorrow", "true"), "RFC 3339 date-time with a zone"),
		Entry("nothing to run", atManifest("bad", "", ""), "spec.command"),
	)
})
