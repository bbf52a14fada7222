package e2emonitoring

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/testenv"
)

const (
	metricsJob    = "cnat-operator-controller-manager-metrics"
	metricsReader = "cnat-operator-metrics-reader"
)

// wrongName is a ServiceMonitor that verifies the operator's certificate for another name.
const wrongName = `
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: wrong-name}
spec:
  namespaceSelector: {matchNames: [cnat-operator-system]}
  selector: {matchLabels: {app.kubernetes.io/name: cnat-operator, app.kubernetes.io/instance: cnat-operator}}
  jobLabel: no-such-label
  endpoints:
  - port: https
    scheme: https
    tlsConfig:
      serverName: another.example.com
      ca: {secret: {name: cnat-operator-metrics-certificate, key: ca.crt}}
`

// expectTargets waits until Prometheus reads both replicas of the operator, over TLS that it verifies, and a Database.
func expectTargets(ctx SpecContext, namespace, database string) {
	GinkgoHelper()
	// In the operator's namespace, whose Secret it names.
	mustRun(ctx, wrongName, "kubectl -n cnat-operator-system create -f -")
	DeferCleanup(func(ctx SpecContext) {
		mustRun(ctx, "", "kubectl -n cnat-operator-system delete servicemonitor wrong-name --ignore-not-found")
	})
	Eventually(ctx, func(g Gomega) {
		refreshPrometheus(ctx)
		all, err := targets(ctx)
		g.Expect(err).NotTo(HaveOccurred())
		count := map[string]int{}
		for _, one := range all {
			isWrong := one.Labels["job"] == metricsJob && regexp.MustCompile("x509.*another.example.com").MatchString(one.LastError)
			switch {
			case isWrong && one.Health == "down":
				count["refused by its certificate"]++
			case one.Labels["job"] == metricsJob && one.Health == "up":
				g.Expect(one.ScrapeURL).To(HavePrefix("https://"))
				count["operator"]++
			case one.Labels["namespace"] == namespace && one.Labels["service"] == database+"-database-headless" && one.Health == "up":
				count["database"]++
			}
		}
		g.Expect(count).To(Equal(map[string]int{"operator": 2, "database": 1, "refused by its certificate": 2}), "%+v", all)
	}).Should(Succeed())
	mustRun(ctx, "", "kubectl -n cnat-operator-system delete servicemonitor wrong-name")
	config, err := get(ctx, prometheus, "/api/v1/status/config", nil)
	Expect(err).NotTo(HaveOccurred())
	Expect(config).NotTo(ContainSubstring("insecure_skip_verify: true"))
}

// expectOnlyReaders asks for the operator's metrics as nobody, as an account without a right, and as one with it.
func expectOnlyReaders(ctx SpecContext, namespace string) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: "cnat-operator-metrics-certificate"}, secret)).To(Succeed())
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(secret.Data["ca.crt"])).To(BeTrue())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: metricsJob, MinVersion: tls.VersionTLS12}}
	address, stop, err := testenv.Forward(ctx, operatorNamespace, "deployment/cnat-operator-manager", 8443)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
	status := func(token string) int {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", nil)
		Expect(err).NotTo(HaveOccurred())
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		return response.StatusCode
	}
	for _, account := range []string{"reader", "nobody"} {
		mustRun(ctx, "", fmt.Sprintf("kubectl -n %s create serviceaccount %s", namespace, account))
	}
	mustRun(ctx, "", fmt.Sprintf("kubectl create clusterrolebinding e2e-reader --clusterrole=%s --serviceaccount=%s:reader", metricsReader, namespace))
	DeferCleanup(func(ctx SpecContext) { mustRun(ctx, "", "kubectl delete clusterrolebinding e2e-reader") })
	token := func(account string) string { return mustRun(ctx, "", "kubectl -n "+namespace+" create token "+account) }
	Expect(status("")).To(Equal(http.StatusUnauthorized))
	Expect(status("made-up")).NotTo(Equal(http.StatusOK)) // controller-runtime answers 500
	Expect(status(token("nobody"))).To(Equal(http.StatusForbidden))
	Expect(status(token("reader"))).To(Equal(http.StatusOK))
}
