package e2e

import (
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// After all that the tests made it do, the operator is well.
var _ = AfterSuite(func(ctx SpecContext) { expectOperatorWell(ctx) })

// operatorPods are those of all replicas.
func operatorPods(ctx SpecContext) []corev1.Pod {
	GinkgoHelper()
	pods := &corev1.PodList{}
	Expect(k8s.List(ctx, pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": "cnat-operator"})).To(Succeed())
	return pods.Items
}

// expectOperatorWell looks at the operator as it runs now, from the start of its pods.
func expectOperatorWell(ctx SpecContext) {
	GinkgoHelper()
	By("asking whether the operator lacked a right")
	Expect(operatorLog()).NotTo(MatchRegexp(`cannot \w+ resource`))

	By("asking whether the operator ever restarted")
	pods := operatorPods(ctx)
	Expect(pods).NotTo(BeEmpty())
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			if status.RestartCount == 0 {
				continue
			}
			// A leader that can't renew its lease in time ends, as it must: the machine stood still. Anything else is a bug.
			output, err := exec.Command("kubectl", "--namespace="+operatorNamespace, "logs", pod.Name, "--previous").CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(output))
			Expect(string(output)).To(ContainSubstring("leader election lost"), pod.Name)
		}
	}
}
