package e2eolm

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	operatorsv1 "github.com/operator-framework/api/pkg/operators/v1"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What a user sees of each mistake is in docs/runbooks.md, with the fix.

// beWithoutGroup: a Subscription in a namespace that has no OperatorGroup, and one in a namespace that has two.
func beWithoutGroup(ctx SpecContext) {
	groups := map[string][]string{"e2e-olm-no-group": nil, "e2e-olm-two-groups": {"one", "two"}}
	for namespace, names := range groups {
		makeNamespace(ctx, namespace)
		for _, name := range names {
			watchOver(ctx, namespace, name, namespace)
		}
		subscribe(ctx, namespace, catalogName, v1alpha1.ApprovalAutomatic, "")
	}
	// Neither gets an install plan. OLM's log says why of both, and an OperatorGroup that is not alone says so itself.
	for namespace, message := range map[string]string{
		"e2e-olm-no-group":   "found 0 operatorGroups, expected 1",
		"e2e-olm-two-groups": "found 2 operatorGroups, expected 1",
	} {
		Eventually(ctx, func(g Gomega) {
			log, err := run(ctx, "kubectl", "--namespace="+olmNamespace, "logs", "deployment/catalog-operator", "--since=10m")
			g.Expect(err).NotTo(HaveOccurred(), log)
			g.Expect(log).To(MatchRegexp(namespace + ".* failed: " + message))
		}).WithPolling(time.Second).Should(Succeed())
		plans := &v1alpha1.InstallPlanList{}
		Expect(k8s.List(ctx, plans, client.InNamespace(namespace))).To(Succeed())
		Expect(plans.Items).To(BeEmpty())
		report("%s: no install plan; the log of catalog-operator: %s", namespace, message)
	}
	Eventually(ctx, func(g Gomega) {
		group := &operatorsv1.OperatorGroup{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: "e2e-olm-two-groups", Name: "one"}, group)).To(Succeed())
		multiple := meta.FindStatusCondition(group.Status.Conditions, operatorsv1.MutlipleOperatorGroupCondition)
		g.Expect(multiple).NotTo(BeNil())
		g.Expect(multiple.Status).To(Equal(metav1.ConditionTrue))
		report("OperatorGroup: %s: %s", multiple.Reason, multiple.Message)
	}).Should(Succeed())
	for namespace := range groups {
		Expect(k8s.Delete(ctx, &v1alpha1.Subscription{ObjectMeta: objectMeta(namespace, packageName)})).To(Succeed())
	}
}

// missImage: a version whose operator image is not there.
func missImage(ctx SpecContext) {
	text := strings.ReplaceAll(readCatalog(), "image: example.com/cnat-operator:"+version, "image: example.com/cnat-operator:none")
	Expect(text).To(ContainSubstring("cnat-operator:none"))
	bundle := copyOf(ctx, "bundle")
	csv := filepath.Join(bundle, "manifests", "cnat-operator.clusterserviceversion.yaml")
	manifest, err := os.ReadFile(csv)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(csv, []byte(strings.ReplaceAll(string(manifest), "image: example.com/cnat-operator:"+version, "image: example.com/cnat-operator:none")), 0o600)).To(Succeed())
	pushBundle(ctx, "none", bundle)
	text = strings.ReplaceAll(text, "cnat-operator-bundle:v"+version, "cnat-operator-bundle:vnone")
	pushCatalog(ctx, "e2e-no-image", text)
	serveCatalog(ctx, "e2e-no-image", registry+"/e2e-no-image:latest")
	awaitCatalog(ctx, "e2e-no-image")

	const namespace = "e2e-olm-no-image"
	makeNamespace(ctx, namespace)
	watchOver(ctx, namespace, "own", namespace)
	subscribe(ctx, namespace, "e2e-no-image", v1alpha1.ApprovalAutomatic, "")
	Eventually(ctx, func(g Gomega) {
		csv := &v1alpha1.ClusterServiceVersion{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: now}, csv)).To(Succeed())
		g.Expect(csv.Status.Phase).To(Equal(v1alpha1.CSVPhaseInstalling), csv.Status.Message)
		pods := &corev1.PodList{}
		g.Expect(k8s.List(ctx, pods, client.InNamespace(namespace))).To(Succeed())
		g.Expect(pods.Items).NotTo(BeEmpty())
		g.Expect(pods.Items[0].Status.ContainerStatuses).NotTo(BeEmpty())
		waiting := pods.Items[0].Status.ContainerStatuses[0].State.Waiting
		g.Expect(waiting).NotTo(BeNil())
		g.Expect(waiting.Reason).To(BeElementOf("ErrImagePull", "ImagePullBackOff"))
		g.Expect(waiting.Message).To(ContainSubstring("not found"))
		report("%s: %s, %s", csv.Status.Phase, csv.Status.Reason, csv.Status.Message)
		report("pod: %s: %s", waiting.Reason, waiting.Message)
	}).Should(Succeed())
	uninstall(ctx, namespace)
	removeCatalog(ctx, "e2e-no-image")
}

// beWrongCatalogs: what opm says of them, which no catalog is built without, and what OLM shows of one that is built nevertheless.
func beWrongCatalogs(ctx SpecContext) {
	text := readCatalog()
	twice := text + text[strings.LastIndex(text, "---\nimage:"):]
	report("a version that exists: %s", refused(ctx, "e2e-twice", twice, "duplicate"))

	// The first version replaces the newest: a circle.
	headless := strings.ReplaceAll(text, "- name: cnat-operator.v0.1.0\n", "- name: cnat-operator.v0.1.0\n  replaces: "+now+"\n")
	Expect(headless).NotTo(Equal(text))
	report("a channel without a head: %s", refused(ctx, "e2e-no-head", headless, "no channel head found in graph"))

	pushCatalog(ctx, "e2e-no-head", headless)
	serveCatalog(ctx, "e2e-no-head", registry+"/e2e-no-head:latest")
	Eventually(ctx, func(g Gomega) {
		pods := &corev1.PodList{}
		g.Expect(k8s.List(ctx, pods, client.InNamespace(olmNamespace), client.MatchingLabels{"olm.catalogSource": "e2e-no-head"})).To(Succeed())
		g.Expect(pods.Items).NotTo(BeEmpty())
		g.Expect(pods.Items[0].Status.ContainerStatuses).NotTo(BeEmpty())
		ended := pods.Items[0].Status.ContainerStatuses[0].LastTerminationState.Terminated
		g.Expect(ended).NotTo(BeNil())
		g.Expect(ended.Message).To(ContainSubstring("no channel head found in graph"))
		report("catalog pod: %s", lastLine(ended.Message))
	}).Should(Succeed())

	// OLM asks all catalogs of its own namespace: one that does not answer blocks everybody's Subscriptions.
	const namespace = "e2e-olm-wrong-catalog"
	makeNamespace(ctx, namespace)
	watchOver(ctx, namespace, "own", namespace)
	subscribe(ctx, namespace, catalogName, v1alpha1.ApprovalManual, "")
	Eventually(ctx, func(g Gomega) {
		subscription := &v1alpha1.Subscription{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: packageName}, subscription)).To(Succeed())
		failed := subscription.Status.GetCondition(v1alpha1.SubscriptionResolutionFailed)
		g.Expect(failed.Message).To(ContainSubstring("error using catalogsource olm/e2e-no-head"))
		report("Subscription: %s: %s", failed.Type, failed.Message)
	}).Should(Succeed())
	removeCatalog(ctx, "e2e-no-head")
	Eventually(ctx, func(g Gomega) {
		plans := &v1alpha1.InstallPlanList{}
		g.Expect(k8s.List(ctx, plans, client.InNamespace(namespace))).To(Succeed())
		g.Expect(plans.Items).NotTo(BeEmpty())
	}).Should(Succeed())
	Expect(k8s.Delete(ctx, &v1alpha1.Subscription{ObjectMeta: objectMeta(namespace, packageName)})).To(Succeed())
}

func removeCatalog(ctx SpecContext, name string) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, &v1alpha1.CatalogSource{ObjectMeta: objectMeta(olmNamespace, name)})).To(Succeed())
}

// refused is what opm validate says of a catalog.
func refused(ctx SpecContext, name, text, want string) string {
	GinkgoHelper()
	output, err := run(ctx, "opm", "validate", writeCatalog(name, text))
	Expect(err).To(HaveOccurred())
	Expect(output).To(ContainSubstring(want))
	return lastLine(output)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func readCatalog() string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, "catalog", "catalog.yaml"))
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// writeCatalog writes a catalog to a folder of its own, and gives that.
func writeCatalog(name, text string) string {
	GinkgoHelper()
	folder := filepath.Join(absolute(root), "dist", name)
	Expect(os.MkdirAll(folder, 0o755)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(folder, "catalog.yaml"), []byte(text), 0o600)).To(Succeed())
	return folder
}

func pushCatalog(ctx SpecContext, name, text string) {
	GinkgoHelper()
	output, err := run(ctx, "hack/olm-images", "catalog", name, writeCatalog(name, text))
	Expect(err).NotTo(HaveOccurred(), output)
}

func pushBundle(ctx SpecContext, version, folder string) {
	GinkgoHelper()
	output, err := run(ctx, "hack/olm-images", "bundle", version, folder)
	Expect(err).NotTo(HaveOccurred(), output)
}

func copyOf(ctx SpecContext, folder string) string {
	GinkgoHelper()
	target := filepath.Join(absolute(root), "dist", "e2e-"+folder)
	Expect(os.RemoveAll(target)).To(Succeed())
	output, err := run(ctx, "cp", "-r", folder, target)
	Expect(err).NotTo(HaveOccurred(), output)
	return target
}
