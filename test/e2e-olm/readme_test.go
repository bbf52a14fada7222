package e2eolm

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// readme gives the commands of the README's first block after a heading.
func readme(heading string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	Expect(err).NotTo(HaveOccurred())
	_, after, found := strings.Cut(string(text), "**"+heading+"**")
	Expect(found).To(BeTrue(), "the README has no heading %q", heading)
	_, after, _ = strings.Cut(after, "```sh\n")
	block, _, found := strings.Cut(after, "```")
	Expect(found).To(BeTrue(), "no commands follow %q in the README", heading)
	return strings.Split(strings.TrimSpace(block), "\n")
}

// typeIn runs a line in a shell, and gives the last line that it prints.
func typeIn(ctx SpecContext, line string) string {
	GinkgoHelper()
	output, err := run(ctx, "sh", "-c", line)
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", line, output)
	return lastLine(output)
}

// followREADME installs as the README says, by a Subscription.
func followREADME(ctx SpecContext) {
	const namespace = "cnat-operator-olm"
	for _, line := range readme("OLM, by a Subscription") {
		report("%s: %s", line, typeIn(ctx, line))
	}
	awaitInstalled(ctx, namespace, now)
	makeNamespace(ctx, "e2e-olm-readme")
	Expect(k8s.Create(ctx, dueNow("e2e-olm-readme"))).To(Succeed())
	awaitPhase(ctx, "e2e-olm-readme", "mode", cnatv1.AtSucceeded)
	Expect(k8s.DeleteAllOf(ctx, &cnatv1alpha1.At{}, client.InNamespace("e2e-olm-readme"))).To(Succeed())

	uninstall(ctx, namespace)
	typeIn(ctx, "kubectl delete --ignore-not-found -f config/catalog/subscription.yaml")
}
