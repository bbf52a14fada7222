package e2eolm

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// typeCommands runs what docs/admin-guide.md gives for a closed network; on a public cluster the two images are left out.
func typeCommands(ctx SpecContext) {
	const namespace, bundle = "e2e-olm-sdk", registry + "/cnat-operator-bundle:v"
	makeNamespace(ctx, namespace)
	sdk := func(args ...string) string {
		GinkgoHelper()
		output, err := run(ctx, "operator-sdk", append(args, "--namespace="+namespace, "--timeout=5m")...)
		Expect(err).NotTo(HaveOccurred(), output)
		return output
	}
	tell("run bundle: %s", lastLine(sdk("run", "bundle", bundle+"0.1.0",
		"--index-image="+registry+"/operator-framework/opm:latest", "--decompression-image="+registry+"/ubi9/ubi:9.7")))
	awaitInstalled(ctx, namespace, before)
	Expect(k8s.Create(ctx, dueNow(namespace))).To(Succeed())
	awaitPhase(ctx, namespace, "mode", cnatv1alpha1.AtSucceeded)

	tell("run bundle-upgrade: %s", lastLine(sdk("run", "bundle-upgrade", bundle+"0.2.0")))
	awaitInstalled(ctx, namespace, now)

	Expect(k8s.DeleteAllOf(ctx, &cnatv1alpha1.At{}, client.InNamespace(namespace))).To(Succeed())
	tell("cleanup: %s", lastLine(sdk("cleanup", packageName)))
	for _, list := range []client.ObjectList{&v1alpha1.SubscriptionList{}, &v1alpha1.CatalogSourceList{}} {
		Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list).To(HaveField("Items", BeEmpty()))
	}
}
