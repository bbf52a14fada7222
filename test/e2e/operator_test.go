package e2e

import (
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// After all that the tests made it do, the operator is well.
var _ = AfterSuite(func(ctx SpecContext) {
	By("asking whether the operator lacked a right")
	Expect(operatorLog()).NotTo(MatchRegexp(`cannot \w+ resource`))

	By("asking whether the operator ever restarted")
	pods := &corev1.PodList{}
	Expect(k8s.List(ctx, pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"control-plane": "controller-manager"})).To(Succeed())
	Expect(pods.Items).NotTo(BeEmpty())
	for _, pod := range pods.Items {
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
})
