package e2eolmv1

import (
	"context"
	"encoding/base64"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

const module = "github.com/operator-framework/operator-controller"

// installOLM creates what OLM v1's own manifest has, but pods and cert-manager's objects, and runs catalogd by the service
// account that it has there.
func installOLM(ctx context.Context) {
	GinkgoHelper()
	webhook, catalogs := freeAddress(), freeAddress()
	folder := strings.TrimSpace(run(ctx, "go", "-C", "tools/olm-v1", "list", "-m", "-f", "{{.Dir}}", module))
	for _, object := range readManifests(filepath.Join(folder, "manifests", "standard.yaml")) {
		switch object.GetKind() {
		case "Deployment", "Certificate", "ClusterIssuer", "Issuer":
			continue
		case "MutatingWebhookConfiguration":
			callByAddress(object, webhook)
		}
		Eventually(ctx, func() error { return create(ctx, object) }).Should(Succeed(), "%s %s", object.GetKind(), object.GetName())
	}
	_, webhookPort, err := net.SplitHostPort(webhook)
	Expect(err).NotTo(HaveOccurred())
	runCatalogd(ctx, "--system-namespace="+systemNamespace, "--external-address="+catalogs, "--catalogs-server-addr="+catalogs,
		"--webhook-server-port="+webhookPort, "--health-probe-bind-address=0", "--metrics-bind-address=0",
		"--pull-cas-dir="+certs, "--tls-cert="+filepath.Join(serving, "tls.crt"), "--tls-key="+filepath.Join(serving, "tls.key"),
		// It is off by default: the test shows that it works with this catalog.
		"--feature-gates=APIV1MetasHandler=true")
}

// callByAddress has the API server call the webhook at its address: there are no Services.
func callByAddress(object *unstructured.Unstructured, address string) {
	GinkgoHelper()
	ca, err := os.ReadFile(filepath.Join(certs, "ca.crt"))
	Expect(err).NotTo(HaveOccurred())
	hooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	Expect(err).NotTo(HaveOccurred())
	Expect(hooks).To(HaveLen(1))
	hook := hooks[0].(map[string]any)
	path, _, err := unstructured.NestedString(hook, "clientConfig", "service", "path")
	Expect(err).NotTo(HaveOccurred())
	hook["clientConfig"] = map[string]any{"url": "https://" + address + path, "caBundle": base64.StdEncoding.EncodeToString(ca)}
	Expect(unstructured.SetNestedSlice(object.Object, hooks, "webhooks")).To(Succeed())
}

// runCatalogd runs catalogd by its service account. It wants to be in a pod, where that account's token is: it gets a mount
// namespace of its own, in which the token is there.
func runCatalogd(ctx context.Context, args ...string) {
	GinkgoHelper()
	const name, account = "catalogd", "catalogd-controller-manager"
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)}}
	token, err := clientset.CoreV1().ServiceAccounts(systemNamespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	folder := GinkgoT().TempDir()
	file, own := filepath.Join(folder, "token"), filepath.Join(folder, "kubeconfig")
	Expect(os.WriteFile(file, []byte(token.Status.Token), 0o600)).To(Succeed())
	Expect(clientcmd.WriteToFile(api.Config{
		CurrentContext: name,
		Clusters:       map[string]*api.Cluster{name: {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{name: {Token: token.Status.Token}},
		Contexts:       map[string]*api.Context{name: {Cluster: name, AuthInfo: name}},
	}, own)).To(Succeed())

	const inPod = `folder=/var/run/secrets/kubernetes.io/serviceaccount
		mount -t tmpfs tmpfs /var/run && mkdir -p $folder && cp "$0" $folder/token && exec "$@"`
	command := exec.Command("sh", slices.Concat([]string{
		"-c", inPod, file, absolute(root, "bin", "olm-v1", name),
		"--cache-dir=" + GinkgoT().TempDir(),
	}, args)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+own, "CONTAINERS_REGISTRIES_CONF="+registries, "TMPDIR="+folder)
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	start(command)
}
