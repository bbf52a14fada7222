package helm

import (
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Helm installs, upgrades and uninstalls the chart on a real API server, which checks each object. The CRDs stay, and the next
// release takes them over.
func TestInstallUpgradeUninstall(t *testing.T) {
	api, kubeconfig := server(t)
	helm := func(args ...string) {
		t.Helper()
		if output, err := tool("helm", append(args, "--namespace=ops", "--kubeconfig="+kubeconfig)...); err != nil {
			t.Fatalf("helm %v: %v\n%s", args, err, output)
		}
	}
	helm("install", "cnat-operator", chart, "--create-namespace", "--set=networkPolicy.enabled=true", "--set=dashboard.enabled=true")
	crdsStay(t, api)
	releaseFits(t, api)

	if _, err := tool("helm", "install", "second", chart, "--namespace=other", "--create-namespace", "--kubeconfig="+kubeconfig); err == nil {
		t.Error("a second operator was installed beside the first")
	}
	helm("upgrade", "cnat-operator", chart, "--set=replicas=3")
	manager := &appsv1.Deployment{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: "ops", Name: "cnat-operator-manager"}, manager); err != nil || *manager.Spec.Replicas != 3 {
		t.Errorf("replicas %v: %v", manager.Spec.Replicas, err)
	}

	helm("uninstall", "cnat-operator", "--wait")
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(manager), manager); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the Deployment is there after the release was uninstalled: %v", err)
	}
	crdsStay(t, api)
	helm("install", "cnat-operator", chart)
}

// crdsStay fails unless the CRDs are there, and are not being deleted.
func crdsStay(t *testing.T, api client.Client) {
	t.Helper()
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	if err := api.List(t.Context(), crds); err != nil {
		t.Fatal(err)
	}
	stay := 0
	for _, crd := range crds.Items {
		if crd.DeletionTimestamp.IsZero() {
			stay++
		}
	}
	if stay != 3 {
		t.Errorf("%d of %d CRDs stay", stay, len(crds.Items))
	}
}

// releaseFits fails unless the Secret in which Helm keeps the release is far from what the API server takes.
func releaseFits(t *testing.T, api client.Client) {
	t.Helper()
	releases := &corev1.SecretList{}
	if err := api.List(t.Context(), releases, client.InNamespace("ops"), client.MatchingLabels{"owner": "helm"}); err != nil {
		t.Fatal(err)
	}
	if len(releases.Items) != 1 {
		t.Fatalf("%d releases", len(releases.Items))
	}
	size := len(releases.Items[0].Data["release"])
	t.Logf("release_kib=%d", size>>10)
	if size > 700<<10 {
		t.Errorf("the release takes %d KiB of 1024", size>>10)
	}
}

// server starts an API server that has nothing of the project.
func server(t *testing.T) (client.Client, string) {
	t.Helper()
	environment := &envtest.Environment{BinaryAssetsDirectory: filepath.Join(root, "bin")}
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("this test needs kube-apiserver and etcd in bin/; `make envtest-bin` builds them: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, environment.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	return api, kubeconfig
}
