// Package e2e proves on a real cluster what users see: `make e2e` deploys the
// operator there and runs these tests.
package e2e

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	operatorNamespace = "cnat-operator-system"
	samples           = "../../config/samples"

	// An image may have to be pulled, a volume made, a server initialised.
	patience = 3 * time.Minute
)

var (
	k8s       client.Client
	clientset *kubernetes.Clientset

	// The images of this cluster, as the Makefile hands them to the operator.
	shellImage    = cmp.Or(os.Getenv("SHELL_IMAGE"), "docker.io/library/busybox:1.37")
	postgresImage = cmp.Or(os.Getenv("POSTGRES_IMAGE"), "docker.io/library/postgres:18")
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the operator on a real cluster")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)

	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	utilruntime.Must(crontabv1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	Expect(err).NotTo(HaveOccurred())
	k8s, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	clientset, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	applyManifests(ctx)
})

// Last, where whoever reads only the end of the output sees it: what failed, and why.
var _ = ReportAfterSuite("failures", func(report Report) {
	const shown = 2000
	for _, spec := range report.SpecReports {
		if spec.Failed() {
			message := strings.Join(strings.Fields(spec.FailureMessage()), " ")
			fmt.Printf("FAILED: %s: %s\n", spec.FullText(), message[:min(len(message), shown)])
		}
	}
})

// newNamespace makes a namespace that is deleted after the test.
func newNamespace(ctx SpecContext) string {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			describe(namespace.Name)
		}
		Expect(k8s.Delete(ctx, namespace)).To(Succeed())
	})
	return namespace.Name
}

// describe prints what a user would look at after a failure.
func describe(namespace string) {
	for _, what := range []string{"crontabs,ats,databases,jobs,pods,statefulsets,persistentvolumeclaims", "events"} {
		output, err := exec.Command("kubectl", "--namespace="+namespace, "get", what, "-o", "wide").CombinedOutput()
		if err != nil {
			output = append(output, err.Error()...)
		}
		AddReportEntry(what, string(output))
	}
	AddReportEntry("the operator's log", operatorLog())
}

// kubectl runs kubectl in a namespace, and gives what it says.
func kubectl(ctx SpecContext, namespace string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace=" + namespace}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// operatorLog is the log of all replicas.
func operatorLog() string {
	output, err := exec.Command("kubectl", "--namespace="+operatorNamespace, "logs", "--selector=app.kubernetes.io/name=cnat-operator", "--tail=-1", "--prefix").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return string(output)
}

// sample creates a manifest of config/samples, unchanged, in a namespace.
func sample(ctx SpecContext, namespace, file string) {
	manifest, err := os.ReadFile(filepath.Join(samples, file))
	Expect(err).NotTo(HaveOccurred())
	Expect(create(ctx, namespace, string(manifest))).To(Succeed())
}

// create creates the object of a manifest as kubectl would.
func create(ctx SpecContext, namespace, manifest string) error {
	return k8s.Create(ctx, parse(namespace, manifest), client.FieldValidation("Strict"))
}

// parse is the object of a manifest, in a namespace.
func parse(namespace, manifest string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal([]byte(manifest), &object.Object)).To(Succeed())
	object.SetNamespace(namespace)
	return object
}

// eventsOf are the reasons of the events about an object.
func eventsOf(ctx SpecContext, object client.Object) []string {
	list, err := clientset.EventsV1().Events(object.GetNamespace()).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	var reasons []string
	for _, event := range list.Items {
		if event.Regarding.UID == object.GetUID() {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}

// podLog is the log of the one pod that has the label.
func podLog(ctx SpecContext, namespace, selector string) string {
	pods, err := clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	Expect(err).NotTo(HaveOccurred())
	Expect(pods.Items).To(HaveLen(1), selector)
	stream, err := clientset.CoreV1().Pods(namespace).GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{}).Stream(ctx)
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(stream.Close()).To(Succeed()) }()
	text, err := io.ReadAll(stream)
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(string(text))
}
