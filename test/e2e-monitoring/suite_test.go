// Package e2emonitoring proves alerts, runbooks and dashboards with the real Prometheus, its operator and Alertmanager:
// `make e2e-monitoring` installs them in the local cluster, makes each alert fire by a fault, fixes that by the commands of
// the alert's entry in docs/runbooks.md, and asks the query of each panel.
package e2emonitoring

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"example.com/cnat-operator/test/monitoring"
)

const (
	operatorNamespace   = "cnat-operator-system"
	monitoringNamespace = "monitoring"

	rulesFile    = "../../config/prometheus/rules.yaml"
	runbooksFile = "../../docs/runbooks.md"
	// installDir has install.yaml and install-agenda.yaml, which the runbooks' commands apply.
	installDir = "../../dist/monitoring"

	// patience is for an alert to fire or be resolved, of which the longest window is a minute and a half.
	patience = 5 * time.Minute
)

var (
	pictures = flag.String("pictures", "", "draw the dashboards in this folder")

	k8s       client.Client
	clientset *kubernetes.Clientset
	config    *rest.Config
	rules     *monitoring.PrometheusRule
	runbooks  string
	beginning time.Time // of what is drawn
)

func TestMonitoring(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "monitoring with the real parts")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(time.Second)
	beginning = time.Now()

	var err error
	config, err = ctrl.GetConfig()
	Expect(err).NotTo(HaveOccurred())
	k8s, err = client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	clientset, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	page, err := os.ReadFile(runbooksFile)
	Expect(err).NotTo(HaveOccurred())
	runbooks = string(page)
	useShortRules(ctx)
})

// useShortRules has Prometheus ask often, and evaluate the rules with short waits; after the tests as it was.
func useShortRules(ctx SpecContext) {
	text, err := os.ReadFile(rulesFile)
	Expect(err).NotTo(HaveOccurred())
	rules, err = monitoring.ParseRules(text)
	Expect(err).NotTo(HaveOccurred())
	shorter, err := monitoring.Shortened(text)
	Expect(err).NotTo(HaveOccurred())
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(shorter, &object.Object)).To(Succeed())
	object.SetNamespace(operatorNamespace)
	object.SetName("cnat-operator-" + object.GetName())
	manifest, err := yaml.Marshal(object.Object)
	Expect(err).NotTo(HaveOccurred())

	DeferCleanup(func(ctx SpecContext) {
		mustRun(ctx, "", "kubectl apply --server-side --force-conflicts -k ../../config/prometheus")
		mustRun(ctx, "", `kubectl -n monitoring patch prometheus prometheus --type=merge -p '{"spec":{"scrapeInterval":null,"evaluationInterval":null}}'`)
	})
	mustRun(ctx, "", `kubectl -n monitoring patch prometheus prometheus --type=merge -p '{"spec":{"scrapeInterval":"5s","evaluationInterval":"5s"}}'`)
	mustRun(ctx, string(manifest), "kubectl apply --server-side --force-conflicts -f -")
	Eventually(ctx, func(g Gomega) {
		refreshPrometheus(ctx)
		g.Expect(loadedRules(ctx)).To(Equal(len(rules.All())))
		g.Expect(get(ctx, prometheus, "/api/v1/status/config", nil)).To(ContainSubstring("scrape_interval: 5s"))
	}).WithPolling(3 * time.Second).Should(Succeed())
}

// refreshPrometheus has the kubelet look at the volumes of Prometheus' pod now, not within the next minute.
func refreshPrometheus(ctx SpecContext) {
	_, _ = run(ctx, "", fmt.Sprintf("kubectl -n monitoring annotate pod %s refreshed-at=%d --overwrite", prometheus.pod, time.Now().UnixNano()))
}

// A line for each step, with its time, and what there is to see after a failure.
var _ = ReportAfterEach(func(spec SpecReport) {
	if spec.State == types.SpecStateSkipped {
		return
	}
	result := map[bool]string{true: "FAIL", false: "pass"}[spec.Failed()]
	fmt.Printf("\n%s  %6.1f s  %s\n", result, spec.RunTime.Seconds(), spec.LeafNodeText)
	if !spec.Failed() {
		return
	}
	for _, command := range []string{
		"kubectl get ats,databases,jobs,pods --all-namespaces -o wide",
		"kubectl get prometheus,alertmanager,servicemonitor,prometheusrule --all-namespaces",
		"kubectl -n cnat-operator-system get deployment,lease,rolebinding",
		"kubectl -n cnat-operator-system logs -l app.kubernetes.io/name=cnat-operator --tail=40 --prefix",
		"kubectl -n monitoring logs " + prometheus.pod + " -c prometheus --tail=20",
	} {
		output, err := exec.Command("sh", "-c", command).CombinedOutput()
		fmt.Printf("--- %s %v\n%s", command, err, output)
	}
})

// run runs commands as a user does who has the manifests at hand.
func run(ctx SpecContext, input, commands string) (string, error) {
	command := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
	command.Dir, command.Stdin = directoryOf(commands), strings.NewReader(input)
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func directoryOf(commands string) string {
	if strings.Contains(commands, "-f install") {
		return installDir
	}
	return "."
}

func mustRun(ctx SpecContext, input, commands string) string {
	GinkgoHelper()
	output, err := run(ctx, input, commands)
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", commands, output)
	return output
}

// newNamespace creates a namespace that is deleted in the end, under a name that the one of the run before has not.
func newNamespace(ctx SpecContext, name string) string {
	GinkgoHelper()
	name = fmt.Sprintf("%s-%d", name, time.Now().Unix()%10000)
	mustRun(ctx, "", "kubectl create namespace "+name)
	DeferCleanup(func(ctx SpecContext) { mustRun(ctx, "", "kubectl delete namespace --wait=false "+name) })
	return name
}

// create creates the objects of manifests.
func create(ctx SpecContext, namespace string, manifests ...string) {
	GinkgoHelper()
	mustRun(ctx, strings.Join(manifests, "\n---\n"), "kubectl --namespace="+namespace+" create -f -")
}

func atManifest(name, spec string) string {
	return fmt.Sprintf("apiVersion: cnat.programming-kubernetes.info/v1\nkind: At\nmetadata: {name: %s}\nspec: {command: \"true\", %s}\n", name, spec)
}

func databaseManifest(name, spec string) string {
	return fmt.Sprintf("apiVersion: example.com/v1\nkind: Database\nmetadata: {name: %s}\nspec: {user: shop, %s}\n", name, spec)
}

// in is a time from now as an At's schedule.
func in(wait time.Duration) string {
	return fmt.Sprintf("schedule: %q", time.Now().Add(wait).UTC().Format(time.RFC3339))
}

// awaitReady waits until a Database is ready.
func awaitReady(ctx SpecContext, namespace, name string) {
	GinkgoHelper()
	mustRun(ctx, "", fmt.Sprintf("kubectl -n %s wait --for=condition=Ready --timeout=240s database/%s", namespace, name))
}

// psql runs SQL as the superuser.
func psql(ctx SpecContext, namespace, name, sql string) {
	GinkgoHelper()
	mustRun(ctx, sql, fmt.Sprintf("kubectl -n %s exec -i %s-database-0 -- psql -X -U postgres -d %s -v ON_ERROR_STOP=1", namespace, name, name))
}
