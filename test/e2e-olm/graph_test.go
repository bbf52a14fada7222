package e2eolm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const oldest = packageName + ".v0.1.0"

// upgradeDirectly upgrades the oldest version to this one in one step, while an At waits and one runs, and counts what is
// lost or done twice.
func upgradeDirectly(ctx SpecContext) {
	const namespace = "e2e-olm-direct"
	makeNamespace(ctx, namespace)
	watchOver(ctx, namespace, "all-namespaces")
	subscribe(ctx, namespace, catalogName, v1alpha1.ApprovalManual, oldest)
	approve(ctx, awaitPlan(ctx, namespace, oldest))
	awaitInstalled(ctx, namespace, oldest)

	createDatabase(ctx, namespace, "kept")
	db := awaitReady(ctx, namespace, "kept")
	startClient(ctx, db)
	query(ctx, namespace, "CREATE TABLE runs (at text)")
	query(ctx, namespace, fmt.Sprintf("CREATE TABLE kept AS SELECT generate_series(1, %d) AS n", stateRows))
	Expect(k8s.Create(ctx, recordingAt(db, "finished", time.Now(), 0))).To(Succeed())
	finished := awaitPhase(ctx, namespace, "finished", cnatv1.AtSucceeded)
	Expect(k8s.Create(ctx, recordingAt(db, "running", time.Now(), 30*time.Second))).To(Succeed())
	awaitPhase(ctx, namespace, "running", cnatv1.AtRunning)
	Expect(k8s.Create(ctx, recordingAt(db, "waiting", time.Now().Add(90*time.Second), 0))).To(Succeed())

	approve(ctx, awaitPlan(ctx, namespace, now))
	awaitReplaced(ctx, namespace, oldest, now)
	names := []string{"finished", "running", "waiting"}
	for _, name := range names {
		awaitPhase(ctx, namespace, name, cnatv1.AtSucceeded)
	}
	Expect(awaitPhase(ctx, namespace, "finished", cnatv1.AtSucceeded).Status.JobUID).To(Equal(finished.Status.JobUID))
	awaitUpgraded(ctx, namespace, "kept")
	lost, twice := count(runsOf(ctx, namespace), names)
	kept := query(ctx, namespace, "SELECT count(DISTINCT n) FROM kept")
	report("0.1.0 to %s: lost=%d twice=%d rows_kept=%s", version, lost, twice, kept)
	Expect([]int{lost, twice}).To(Equal([]int{0, 0}))
	Expect(kept).To(Equal(fmt.Sprint(stateRows)))
	plans := &v1alpha1.InstallPlanList{}
	Expect(k8s.List(ctx, plans, client.InNamespace(namespace))).To(Succeed())
	for _, plan := range plans.Items {
		Expect(plan.Spec.ClusterServiceVersionNames).NotTo(ContainElement(before), "it is one step")
	}
	removeWorkIn(ctx, namespace)
	uninstall(ctx, namespace)
	removeCRDs(ctx) // the oldest version is installed again
}

// upgradeByEachVersion upgrades from release to release, as the catalog gets them: the newest version is in candidate
// first, and whoever follows stable stays with the one before until they choose candidate.
func upgradeByEachVersion(ctx SpecContext) {
	const catalog, namespace = "e2e-graph", "e2e-olm-graph"
	pushCatalog(ctx, catalog+"-before", catalogWith())
	pushCatalog(ctx, catalog+"-candidate", catalogWith("candidate"))
	serveCatalog(ctx, catalog, registry+"/"+catalog+"-before:latest")
	awaitCatalog(ctx, catalog)

	makeNamespace(ctx, namespace)
	watchOver(ctx, namespace, "all-namespaces")
	subscribe(ctx, namespace, catalog, v1alpha1.ApprovalManual, oldest)
	approve(ctx, awaitPlan(ctx, namespace, oldest))
	awaitInstalled(ctx, namespace, oldest)
	approve(ctx, awaitPlan(ctx, namespace, before))
	awaitReplaced(ctx, namespace, oldest, before)
	awaitLatestKnown(ctx, namespace, before)

	image := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"image":"`+registry+`/`+catalog+`-candidate:latest"}}`))
	Expect(k8s.Patch(ctx, &v1alpha1.CatalogSource{ObjectMeta: objectMeta(olmNamespace, catalog)}, image)).To(Succeed())
	heads := func(channel string) (string, error) {
		return run(ctx, "kubectl", "--namespace="+namespace, "get", "packagemanifests", "--selector=catalog="+catalog,
			"--output=jsonpath={.items[*].status.channels[?(@.name==\""+channel+"\")].currentCSV}")
	}
	Eventually(ctx, heads).WithArguments("candidate").Should(Equal(now))
	Expect(heads("stable")).To(Equal(before))
	awaitLatestKnown(ctx, namespace, before)

	channel := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"channel":"candidate"}}`))
	Expect(k8s.Patch(ctx, &v1alpha1.Subscription{ObjectMeta: objectMeta(namespace, packageName)}, channel)).To(Succeed())
	approve(ctx, awaitPlan(ctx, namespace, now))
	awaitReplaced(ctx, namespace, before, now)
	awaitLatestKnown(ctx, namespace, now)
	report("0.1.0, %s from stable, %s from candidate", beforeVersion, version)
	uninstall(ctx, namespace)
	removeCatalog(ctx, catalog)
}

// awaitReplaced waits until a version is installed, and the one before it is deleted with its pods.
func awaitReplaced(ctx SpecContext, namespace, before, after string) {
	GinkgoHelper()
	awaitInstalled(ctx, namespace, after)
	Eventually(ctx, func() v1alpha1.ClusterServiceVersionPhase { return phaseOf(ctx, namespace, before) }).Should(BeEmpty())
}

// awaitLatestKnown waits until OLM reports that the Subscription's channel has nothing newer than a version.
func awaitLatestKnown(ctx SpecContext, namespace, version string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		subscription := &v1alpha1.Subscription{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: packageName}, subscription)).To(Succeed())
		g.Expect(subscription.Status.State).To(BeEquivalentTo(v1alpha1.SubscriptionStateAtLatest))
		g.Expect(subscription.Status.InstalledCSV).To(Equal(version))
	}).Should(Succeed())
}

// catalogWith is the catalog with the newest version in some of its channels, or without it.
func catalogWith(channels ...string) string {
	GinkgoHelper()
	var documents []string
	for document := range strings.SplitSeq(readCatalog(), "---\n") {
		var blob map[string]any
		Expect(yaml.Unmarshal([]byte(document), &blob)).To(Succeed())
		switch name, _ := blob["name"].(string); {
		case blob["schema"] == "olm.bundle" && name == now && len(channels) == 0, blob == nil:
			continue
		case blob["schema"] == "olm.channel" && !slices.Contains(channels, name):
			blob["entries"] = slices.DeleteFunc(blob["entries"].([]any), func(entry any) bool {
				return entry.(map[string]any)["name"] == now
			})
		}
		text, err := yaml.Marshal(blob)
		Expect(err).NotTo(HaveOccurred())
		documents = append(documents, string(text))
	}
	return strings.Join(documents, "---\n")
}
