package e2e

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const atCRD = "crd/ats.cnat.programming-kubernetes.info"

// storedVersions are those in which Ats may be stored.
func storedVersions(ctx SpecContext) string {
	GinkgoHelper()
	output, err := kubectl(ctx, "default", "get", atCRD, "-o", "jsonpath={.status.storedVersions}")
	Expect(err).NotTo(HaveOccurred(), output)
	return output
}

// storeAs has the API server store Ats in a version from now on.
func storeAs(ctx SpecContext, version string) {
	GinkgoHelper()
	output, err := kubectl(ctx, "default", "get", atCRD, "-o", "jsonpath={.spec.versions[*].name}")
	Expect(err).NotTo(HaveOccurred(), output)
	var patch []string
	for i, name := range strings.Fields(output) {
		patch = append(patch, fmt.Sprintf(`{"op":"replace","path":"/spec/versions/%d/storage","value":%t}`, i, name == version))
	}
	output, err = kubectl(ctx, "default", "patch", atCRD, "--type=json", "--patch=["+strings.Join(patch, ",")+"]")
	Expect(err).NotTo(HaveOccurred(), output)
}

// awaitRewrite writes an At without changes until the API server stores it in another version than before: it learns a
// little later than kubectl in which.
func awaitRewrite(ctx SpecContext, at *cnatv1.At) {
	GinkgoHelper()
	before := at.ResourceVersion
	Eventually(ctx, func() (string, error) {
		err := k8s.Status().Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte("{}")))
		return at.ResourceVersion, err
	}).ShouldNot(Equal(before))
}

var _ = Describe("Ats that are stored as v1alpha1", func() {
	It("are stored as v1 once there is another leader, and nothing else of them changes", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, atManifest("waits", "2199-07-03T02:00:00Z", "true"))).To(Succeed())
		waits := awaitAt(ctx, namespace, "waits", func(status *cnatv1.AtStatus) bool { return status.ObservedGeneration == 1 })
		DeferCleanup(storeAs, "v1")
		storeAs(ctx, "v1alpha1")
		awaitRewrite(ctx, waits)
		storeAs(ctx, "v1")
		Expect(storedVersions(ctx)).To(ContainSubstring("v1alpha1"))

		for _, args := range [][]string{
			{"rollout", "restart", "deployment/cnat-operator-manager"},
			{"rollout", "status", "deployment/cnat-operator-manager", "--timeout=180s"},
		} {
			output, err := kubectl(ctx, operatorNamespace, args...)
			Expect(err).NotTo(HaveOccurred(), output)
		}
		Eventually(ctx, func() string { return storedVersions(ctx) }).Should(Equal(`["v1"]`))
		after := &cnatv1.At{}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(waits), after)).To(Succeed())
		Expect(after.ResourceVersion).NotTo(Equal(waits.ResourceVersion))
		Expect(after.Generation).To(Equal(waits.Generation))
		Expect(after.Status).To(Equal(waits.Status))
	})
})
