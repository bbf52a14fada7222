package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/testenv"
)

// After all that the tests made it do, the operator is well.
var _ = AfterSuite(func(ctx SpecContext) { expectOperatorWell(ctx) })

// Prometheus verifies the operator's certificate by what config/prometheus names, before it sends its token.
var _ = Describe("Metrics", func() {
	It("are served with a certificate that verifies", func(ctx SpecContext) {
		secret := &corev1.Secret{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: "cnat-operator-metrics-certificate"}, secret)).To(Succeed())
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(secret.Data["ca.crt"])).To(BeTrue())
		for _, pod := range operatorPods(ctx) {
			address := forward(ctx, operatorNamespace, "pod/"+pod.Name, 8443)
			connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "cnat-operator-controller-manager-metrics"})
			Expect(err).NotTo(HaveOccurred(), pod.Name)
			Expect(connection.Close()).To(Succeed())
		}
	})
})

// forward returns a local address that leads to a port of a pod until the test ends.
func forward(ctx SpecContext, namespace, pod string, port int) string {
	GinkgoHelper()
	address, stop, err := testenv.Forward(ctx, namespace, pod, port)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	return address
}

// operatorPods are those of all replicas.
func operatorPods(ctx SpecContext) []corev1.Pod {
	GinkgoHelper()
	pods := &corev1.PodList{}
	Expect(k8s.List(ctx, pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": "cnat-operator"})).To(Succeed())
	return pods.Items
}

// expectOperatorWell looks at the operator as it runs now, from the start of its pods. It is no helper to Ginkgo: the line
// that a summary names says what is wrong.
func expectOperatorWell(ctx SpecContext) {
	By("asking whether the operator lacked a right")
	log := operatorLog()
	Expect(log).NotTo(MatchRegexp(`cannot \w+ resource`))

	By("reading which version runs")
	Expect(log).To(ContainSubstring(fmt.Sprintf(`"version":%q`, os.Getenv("VERSION"))))

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
