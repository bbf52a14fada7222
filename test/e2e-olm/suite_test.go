// Package e2eolm proves the operator's life under OLM on a real cluster: `make e2e-olm` installs OLM there, pushes the
// images, bundles and the catalog, and runs these steps, one after the other.
package e2eolm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	operatorsv1 "github.com/operator-framework/api/pkg/operators/v1"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	operatorsv2 "github.com/operator-framework/api/pkg/operators/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	// patience is for what takes seconds on a machine that has nothing else to do.
	patience = 5 * time.Minute

	beforeVersion, version = "0.2.0", "0.3.0"
	before, now            = packageName + ".v" + beforeVersion, packageName + ".v" + version

	postgresImage = "docker.io/library/postgres:18"
)

var (
	root      = filepath.Join("..", "..")
	k8s       client.Client
	clientset *kubernetes.Clientset

	registry string // the local cluster's
)

func TestOLM(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the operator's life under OLM")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, cnatv1.AddToScheme, cnatv1alpha1.AddToScheme,
		crontabv1.AddToScheme, databasev1.AddToScheme, operatorsv1.AddToScheme, v1alpha1.AddToScheme, operatorsv2.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	config, err := ctrl.GetConfig()
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	k8s, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	clientset, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	output, err := run(ctx, filepath.Join("bin", "cluster"), "registry")
	Expect(err).NotTo(HaveOccurred(), output)
	registry = strings.TrimSpace(output)

	removeAll(ctx)
	serveCatalog(ctx, catalogName, registry+"/cnat-operator-catalog:latest")
	awaitCatalog(ctx, catalogName)
})

// Nothing of a test is left in the cluster, unless it failed: then it is kept for the analysis.
var _ = AfterSuite(func(ctx SpecContext) {
	if !failed {
		removeAll(ctx)
	}
})

// failed is whether a step has.
var failed bool

// A line for each step, with its time.
var _ = ReportAfterEach(func(spec SpecReport) {
	failed = failed || spec.Failed()
	result := map[bool]string{true: "FAIL", false: "pass"}[spec.Failed()]
	fmt.Printf("%s  %6.1f s  %s\n", result, spec.RunTime.Seconds(), spec.LeafNodeText)
	if spec.Failed() {
		describeAll()
	}
})

// report prints a line of figures, or what a user sees.
func report(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }

// describeAll prints what helps to analyse a failure.
func describeAll() {
	for _, args := range [][]string{
		{"get", "catalogsources,subscriptions,installplans,clusterserviceversions,operatorgroups,operatorconditions", "--all-namespaces", "-o", "wide"},
		{"get", "ats,databases,jobs,pods", "--all-namespaces", "-o", "wide"},
		{"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
		{"logs", "--selector=control-plane=controller-manager", "--namespace=" + operatorNamespace, "--tail=50", "--prefix"},
	} {
		output, err := exec.Command("kubectl", args...).CombinedOutput()
		fmt.Printf("--- kubectl %v %v\n%s", args, err, output)
	}
}

// run runs a command of bin/ in the repository's root folder, as a user does, and gives what it prints.
func run(ctx SpecContext, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = root
	// operator-sdk and opm read the images of the local registry.
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+filepath.Join(absolute(root), ".cluster", "ca.crt"), "NO_PROXY=*", "no_proxy=*")
	output, err := command.CombinedOutput()
	return string(output), err
}

func absolute(path string) string {
	path, err := filepath.Abs(path)
	Expect(err).NotTo(HaveOccurred())
	return path
}
