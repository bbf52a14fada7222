package e2e

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// ended is what a finished At must report.
type ended struct {
	phase   cnatv1.AtPhase
	reason  string
	code    any // the exit code; nil: there is none
	message string
	started bool
	// lost is the message where a busy kubelet lost track of how the container ended: then there is no exit code.
	lost string
}

// missingImage is one that no registry has.
func missingImage() string { return shellImage + "-is-not-there" }

func atOf(name, spec string) string {
	return fmt.Sprintf("apiVersion: cnat.programming-kubernetes.info/v1\nkind: At\nmetadata: {name: %s}\nspec: %s\n", name, spec)
}

// line is a container that runs a line of the shell.
func line(name, command string) string {
	return fmt.Sprintf(`{name: %s, image: %q, command: [sh, -c, %q]}`, name, shellImage, command)
}

var _ = Describe("At", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	DescribeTable("reports how a run ended, in the words of whoever ended it",
		func(ctx SpecContext, spec func() string, want ended) {
			Expect(create(ctx, namespace, atOf("at", spec()))).To(Succeed())
			at := awaitAt(ctx, namespace, "at", func(status *cnatv1.AtStatus) bool { return status.Finished() })
			Expect(at.Status.Phase).To(Equal(want.phase), "%+v", at.Status)
			Expect(at.Status.Reason).To(Equal(want.reason))
			if want.lost != "" && at.Status.ExitCode == nil {
				want.message, want.code = want.lost, nil
			}
			Expect(at.Status.Message).To(MatchRegexp("(?s)" + want.message))
			Expect(at.Status.StartTime != nil).To(Equal(want.started))
			if want.code == nil {
				Expect(at.Status.ExitCode).To(BeNil())
			} else {
				Expect(at.Status.ExitCode).To(HaveValue(BeEquivalentTo(want.code)))
			}
		},
		Entry("killed for its memory", func() string {
			return fmt.Sprintf(`{after: 1s, containers: [{name: main, image: %q, command: [bash, -c, "echo starting import; x=a; while true; do x=$x$x; done"],
				resources: {requests: {memory: 32Mi}, limits: {memory: 32Mi}}}]}`, shellImage)
		}, ended{
			phase: cnatv1.AtFailed, reason: "OOMKilled", code: 137, started: true,
			message: `^container main failed with exit code 137 \(SIGKILL\), OOMKilled: starting import$`,
		}),
		// The kubelet may have deleted the container, and with it its log, before it reads the log's end; and may fail a pod
		// before it notes how its container ended.
		Entry("evicted", func() string {
			return fmt.Sprintf(`{after: 1s, template: {spec: {volumes: [{name: scratch, emptyDir: {sizeLimit: 1Mi}}], containers: [{name: main, image: %q,
				command: [bash, -c, "echo writing; head -c 20000000 /dev/zero > /scratch/x; sleep 300"],
				volumeMounts: [{name: scratch, mountPath: /scratch}]}]}}}`, shellImage)
		}, ended{
			phase: cnatv1.AtFailed, reason: "Evicted", code: 137, started: true,
			message: `^Evicted: Usage of EmptyDir volume "scratch" exceeds the limit "1Mi".*container main failed with exit code 137 \(SIGKILL\)(: writing.*)?$`,
			lost:    `^Evicted: Usage of EmptyDir volume "scratch" exceeds the limit "1Mi"(.*how container main ended is not known.*)?$`,
		}),
		Entry("an init container failed", func() string {
			return fmt.Sprintf(`{after: 1s, template: {spec: {initContainers: [%s], containers: [%s]}}}`,
				line("migrate", "echo 'migration 42 failed: no such table' >&2; exit 3"), line("main", "echo hi"))
		}, ended{
			phase: cnatv1.AtFailed, reason: "ContainerFailed", code: 3, started: true,
			message: "^init container migrate failed with exit code 3: migration 42 failed: no such table$",
		}),
		Entry("the deadline that really passed", func() string {
			return fmt.Sprintf(`{after: 1s, activeDeadlineSeconds: 15, pendingDeadlineSeconds: 600, containers: [{name: main, image: %q}]}`, missingImage())
		}, ended{
			phase: cnatv1.AtFailed, reason: "DeadlineExceeded",
			message: `^no container started within activeDeadlineSeconds \(15 s\): container main: .*is-not-there`,
		}),
		Entry("a volume that can't be mounted", func() string {
			return fmt.Sprintf(`{after: 1s, pendingDeadlineSeconds: 20, template: {spec: {volumes: [{name: config, configMap: {name: config-that-is-not}}],
				containers: [{name: main, image: %q, command: ["true"], volumeMounts: [{name: config, mountPath: /config}]}]}}}`, shellImage)
		}, ended{
			phase: cnatv1.AtFailed, reason: "PendingDeadlineExceeded",
			message: `^no container started within pendingDeadlineSeconds \(20 s\): FailedMount: .*configmap "config-that-is-not" not found`,
		}),
		Entry("one of two failed, and the deadline ended the other", func() string {
			return fmt.Sprintf(`{after: 1s, activeDeadlineSeconds: 20, containers: [%s, %s]}`,
				line("exporter", "exec sleep 600"), line("importer", "echo 'importer: disk full' >&2; exit 4"))
		}, ended{
			phase: cnatv1.AtFailed, reason: "DeadlineExceeded", code: 4, started: true,
			message: `^ran longer than activeDeadlineSeconds \(20 s\): container importer failed with exit code 4.*: importer: disk full$`,
		}),
		Entry("bytes that are no text", func() string {
			return fmt.Sprintf("{after: 1s, containers: [%s]}", line("main", `head -c 6000 /dev/urandom; exit 1`))
		}, ended{phase: cnatv1.AtFailed, reason: "ContainerFailed", code: 1, started: true, message: "^container main failed with exit code 1: "}),
		Entry("the line reaches the shell as written", func() string {
			return `{after: 1s, command: 'echo "pid is $$"; test "$$" = 1 || { echo "PID was [$$]"; exit 9; }; test "$(echo a)" = a'}`
		}, ended{phase: cnatv1.AtSucceeded, reason: "Succeeded", code: 0, started: true}),
		Entry("tried again, and succeeded", func() string {
			return fmt.Sprintf(`{after: 1s, backoffLimit: 2, template: {spec: {volumes: [{name: d, hostPath: {path: /tmp, type: Directory}}], containers: [
				{name: main, image: %q, command: [sh, -c, "test -e /d/%s || { touch /d/%s; echo not yet; exit 7; }; rm /d/%s"], volumeMounts: [{name: d, mountPath: /d}]}]}}}`,
				shellImage, namespace, namespace, namespace)
		}, ended{phase: cnatv1.AtSucceeded, reason: "Succeeded", code: 0, started: true}),
	)

	It("lets kubectl list what printed anything", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("binary", fmt.Sprintf("{after: 1s, containers: [%s]}", line("main", `printf '\033[31m\0\1\0302\0205'; exit 1`))))).To(Succeed())
		awaitAt(ctx, namespace, "binary", inPhase(cnatv1.AtFailed))
		output, err := kubectl(ctx, namespace, "get", "ats", "-o", "yaml")
		Expect(err).NotTo(HaveOccurred(), output)
		_, err = kubectl(ctx, namespace, "annotate", "at", "binary", "read=back")
		Expect(err).NotTo(HaveOccurred())
	})

	It("puts labels and annotations of the template on the pod", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("meta", fmt.Sprintf(`{after: 1s, template: {metadata: {
			labels: {team: billing, app.kubernetes.io/name: invoice}, annotations: {sidecar.istio.io/inject: "false"}}, spec: {containers: [%s]}}}`,
			line("main", "echo hi"))))).To(Succeed())
		awaitAt(ctx, namespace, "meta", inPhase(cnatv1.AtSucceeded))
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{"team": "billing"})).To(Succeed())
		Expect(pods.Items).To(HaveLen(1))
		Expect(pods.Items[0].Labels).To(HaveKeyWithValue("app.kubernetes.io/name", "invoice"))
		Expect(pods.Items[0].Annotations).To(HaveKeyWithValue("sidecar.istio.io/inject", "false"))
	})

	It("reports at once that one container of two failed", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("two", fmt.Sprintf("{after: 1s, containers: [%s, %s]}",
			line("importer", "echo disk full >&2; exit 4"), line("exporter", "exec sleep 600"))))).To(Succeed())
		at := awaitAt(ctx, namespace, "two", func(status *cnatv1.AtStatus) bool { return status.Reason == cnatv1.ReasonContainerFailed })
		Expect(at.Status.Phase).To(Equal(cnatv1.AtRunning))
		Expect(at.Status.Message).To(Equal("container importer failed with exit code 4, exporter still runs: disk full"))
		Eventually(ctx, func() []string { return eventsOf(ctx, at) }).Should(ContainElement(cnatv1.ReasonContainerFailed))
	})

	It("is Cancelled before a container started, if none did", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atOf("early", fmt.Sprintf("{after: 1s, containers: [{name: main, image: %q}]}", missingImage())))).To(Succeed())
		at := awaitAt(ctx, namespace, "early", stalled(cnatv1.ReasonPodNotStarting))
		Expect(k8s.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`)))).To(Succeed())
		at = awaitAt(ctx, namespace, "early", inPhase(cnatv1.AtCancelled))
		Expect(at.Status.Message).To(HavePrefix("cancelled before a container started: "))
		Expect(at.Status.ExitCode).To(BeNil())
		Expect(at.Status.StartTime).To(BeNil())
	})

	It("reports that its pod is refused by a quota, and goes on once it is not", func(ctx SpecContext) {
		quota := &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "q"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
		}
		Expect(k8s.Create(ctx, quota)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(quota), quota)).To(Succeed())
			g.Expect(quota.Status.Hard).NotTo(BeEmpty())
		}).Should(Succeed())
		Expect(create(ctx, namespace, atOf("refused", fmt.Sprintf("{after: 1s, containers: [%s]}", line("main", "echo hi"))))).To(Succeed())
		at := awaitAt(ctx, namespace, "refused", stalled(cnatv1.ReasonPodRefused))
		Expect(at.Status.Message).To(ContainSubstring("exceeded quota: q"))
		Eventually(ctx, func() []string { return eventsOf(ctx, at) }).Should(ContainElement(cnatv1.ReasonPodRefused))

		Expect(create(ctx, namespace, atOf("too-late", fmt.Sprintf("{after: 1s, pendingDeadlineSeconds: 5, containers: [%s]}",
			line("main", "echo hi"))))).To(Succeed())
		late := awaitAt(ctx, namespace, "too-late", inPhase(cnatv1.AtFailed))
		Expect(late.Status.Reason).To(Equal(cnatv1.ReasonPendingDeadlineExceeded))
		Expect(late.Status.Message).To(And(HavePrefix("no container started within pendingDeadlineSeconds (5 s): "),
			ContainSubstring("exceeded quota: q")))

		Expect(k8s.Delete(ctx, quota)).To(Succeed())
		awaitAt(ctx, namespace, "refused", inPhase(cnatv1.AtSucceeded))
	})

	DescribeTable("reports that its pod is refused",
		func(ctx SpecContext, level string, spec func() string, want string) {
			Expect(k8s.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, client.RawPatch(types.MergePatchType,
				[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"`+level+`"}}}`)))).To(Succeed())
			Expect(create(ctx, namespace, atOf("refused", spec()))).To(Succeed())
			at := awaitAt(ctx, namespace, "refused", stalled(cnatv1.ReasonPodRefused))
			Expect(at.Status.Phase).To(Equal(cnatv1.AtPending))
			Expect(at.Status.Message).To(And(ContainSubstring(want), ContainSubstring("create a new At")))
		},
		Entry("by Pod Security for what it asks for", "baseline", func() string {
			return fmt.Sprintf("{after: 1s, template: {spec: {hostNetwork: true, containers: [%s]}}}", line("main", "echo hi"))
		}, `violates PodSecurity "baseline:latest"`),
		Entry("by Pod Security for what it does not set", "restricted", func() string {
			return fmt.Sprintf("{after: 1s, containers: [%s]}", line("main", "echo hi"))
		}, `violates PodSecurity "restricted:latest"`),
		Entry("for its ServiceAccount", "baseline", func() string {
			return fmt.Sprintf("{after: 1s, template: {spec: {serviceAccountName: nobody, containers: [%s]}}}", line("main", "echo hi"))
		}, `serviceaccount "nobody" not found`),
		Entry("for its PriorityClass", "baseline", func() string {
			return fmt.Sprintf("{after: 1s, template: {spec: {priorityClassName: nothing, containers: [%s]}}}", line("main", "echo hi"))
		}, "no PriorityClass with name nothing was found"),
	)
})
