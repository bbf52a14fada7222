package e2eolm

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// typeCommands runs the README's commands for operator-sdk, with the local registry for the public one, and with what
// docs/admin-guide.md adds for a closed network.
func typeCommands(ctx SpecContext) {
	const namespace = "e2e-olm-sdk"
	makeNamespace(ctx, namespace)
	removeCRDs(ctx) // OLM installs no older one that lacks the version in which Ats are stored
	commands := readme("OLM, by operator-sdk")
	Expect(commands).To(HaveLen(3))
	local := strings.NewReplacer("example.com/", registry+"/", "-n default", "-n "+namespace)
	sdk := func(line, flags string) {
		GinkgoHelper()
		report("%s: %s", line, typeIn(ctx, local.Replace(line)+" --timeout=5m"+flags))
	}
	sdk(commands[0], " --index-image="+registry+"/operator-framework/opm:latest --decompression-image="+registry+"/ubi9/ubi:9.7")
	awaitInstalled(ctx, namespace, before)
	Expect(k8s.Create(ctx, dueNow(namespace))).To(Succeed())
	awaitPhase(ctx, namespace, "mode", cnatv1.AtSucceeded)

	sdk(commands[1], "")
	awaitInstalled(ctx, namespace, now)

	Expect(k8s.DeleteAllOf(ctx, &cnatv1alpha1.At{}, client.InNamespace(namespace))).To(Succeed())
	sdk(commands[2], "")
	for _, list := range []client.ObjectList{&v1alpha1.SubscriptionList{}, &v1alpha1.CatalogSourceList{}} {
		Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		Expect(list).To(HaveField("Items", BeEmpty()))
	}
}
