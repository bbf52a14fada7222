// Package e2eolmv1 proves what docs/olm-v1.md says of the operator under OLM v1, on a real API server and from a real
// registry. catalogd serves the catalog; operator-controller's own packages (tools/olm-v1) resolve, pull, render and check the
// bundle of the ClusterExtension, which Helm then applies. There is no kubelet, so that no pod runs: that the operator works
// is what the other tests show.
package e2eolmv1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	version, beforeVersion, oldestVersion = "0.3.0", "0.2.0", "0.1.0"

	packageName = "cnat-operator"
	// systemNamespace is OLM's own.
	systemNamespace = "olmv1-system"

	// patience is for what takes seconds on a machine that has nothing else to do.
	patience = 3 * time.Minute
)

var (
	root      = filepath.Join("..", "..")
	k8s       client.Client
	clientset *kubernetes.Clientset
	config    *rest.Config

	// serving has tls.crt and tls.key, of the registry, of catalogd and of its webhook, and certs what they are verified by.
	serving, certs string
	// kubeconfig is that of an administrator, and registries says that what is in the registry is what example.com has.
	kubeconfig, registries string
)

func TestOLMv1(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the operator under OLM v1")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)

	environment := &envtest.Environment{BinaryAssetsDirectory: absolute(root, "bin")}
	var err error
	config, err = environment.Start()
	Expect(err).NotTo(HaveOccurred(), "`make envtest-bin` builds what is needed")
	DeferCleanup(environment.Stop)
	k8s, err = client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	clientset, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())

	serving, certs = GinkgoT().TempDir(), GinkgoT().TempDir()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	Expect(err).NotTo(HaveOccurred())
	for path, content := range map[string][]byte{
		filepath.Join(serving, "tls.crt"): certificate, filepath.Join(serving, "tls.key"): key, filepath.Join(certs, "ca.crt"): certificate,
	} {
		Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	}
	kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, environment.KubeConfig, 0o600)).To(Succeed())
	registry := serveRegistry()
	registries = filepath.Join(GinkgoT().TempDir(), "registries.conf")
	mirror := "[[registry]]\nprefix = \"example.com\"\nlocation = \"" + registry + "\"\n"
	Expect(os.WriteFile(registries, []byte(mirror), 0o600)).To(Succeed())
	pushImages(ctx, registry)
	installOLM(ctx)
})

// A line for each step, with its time.
var _ = ReportAfterEach(func(spec SpecReport) {
	result := map[bool]string{true: "FAIL", false: "pass"}[spec.Failed()]
	fmt.Printf("%s  %6.1f s  %s\n", result, spec.RunTime.Seconds(), spec.LeafNodeText)
})

// report prints a line of figures, or what a user sees.
func report(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }

// serveRegistry starts the local cluster's registry, and gives its address.
func serveRegistry() string {
	GinkgoHelper()
	address := freeAddress()
	start(exec.Command(absolute(root, "bin", "image"), "serve", GinkgoT().TempDir(), address,
		filepath.Join(serving, "tls.crt"), filepath.Join(serving, "tls.key")))
	Eventually(func() error {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err
	}).Should(Succeed())
	return address
}

// pushImages pushes the bundle of each version, and the catalog.
func pushImages(ctx context.Context, registry string) {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	push := func(archive, name string) {
		GinkgoHelper()
		run(ctx, "bin/image", "push", archive, registry+"/"+name, "--ca", filepath.Join(certs, "ca.crt"))
	}
	for version, bundle := range map[string]string{
		version: "bundle", beforeVersion: "released/" + beforeVersion + "/bundle", oldestVersion: "released/" + oldestVersion + "/bundle",
	} {
		archive := filepath.Join(folder, version+".tar")
		run(ctx, "hack/olm-image", "bundle", bundle, archive)
		push(archive, "cnat-operator-bundle:v"+version)
	}
	// OLM v1 reads the files of a catalog, and runs nothing of its image.
	archive := filepath.Join(folder, "catalog.tar")
	run(ctx, "bin/image", "build", "--output", archive, "--name", "catalog", "--file", "catalog:/configs",
		"--label", "operators.operatorframework.io.index.configs.v1=/configs")
	push(archive, "cnat-operator-catalog:latest")
}

// run runs a program in the repository's root folder, and gives what it prints.
func run(ctx context.Context, name string, args ...string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = root
	output, err := outputOf(command)
	Expect(err).NotTo(HaveOccurred())
	return string(output)
}

// start starts a program that runs until the tests end. What it logged is printed where a test has failed.
func start(command *exec.Cmd) {
	GinkgoHelper()
	log, err := os.Create(filepath.Join(GinkgoT().TempDir(), "log"))
	Expect(err).NotTo(HaveOccurred())
	command.Stdout, command.Stderr = log, log
	Expect(command.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if CurrentSpecReport().Failed() || failed {
			text, err := os.ReadFile(log.Name())
			fmt.Printf("--- %s %v\n%s", command.Path, err, text)
		}
		_ = log.Close()
	})
}

// failed is whether a step has.
var failed bool

var _ = AfterEach(func() { failed = failed || CurrentSpecReport().Failed() })

func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func absolute(parts ...string) string {
	GinkgoHelper()
	path, err := filepath.Abs(filepath.Join(parts...))
	Expect(err).NotTo(HaveOccurred())
	return path
}

// readManifests are the objects of a file.
func readManifests(path string) []*unstructured.Unstructured {
	GinkgoHelper()
	file, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = file.Close() }()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		Expect(err).NotTo(HaveOccurred(), path)
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// create creates an object as `kubectl create --validate=strict` does: a field that the API does not have is an error.
func create(ctx context.Context, object client.Object) error {
	return k8s.Create(ctx, object, client.FieldValidation("Strict"))
}
