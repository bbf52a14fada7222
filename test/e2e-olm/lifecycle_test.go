package e2eolm

import (
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	operatorsv2 "github.com/operator-framework/api/pkg/operators/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	operatorNamespace = "e2e-olm"
	workNamespace     = "e2e-olm-work"

	rowsKept = 10000

	// failoverLimit is how late an At may be that is due during a failover, while pods are replaced and, with the new
	// version, a CRD and releases too, on a machine that is busy with other things.
	failoverLimit = 20 * time.Second
)

var _ = Describe("From the catalog to the removal", Ordered, func() {
	It("installs "+beforeVersion+", by an install plan that a user approves, and the samples work", func(ctx SpecContext) {
		makeNamespace(ctx, operatorNamespace)
		makeNamespace(ctx, workNamespace)
		watchOver(ctx, operatorNamespace, "all-namespaces")
		subscribe(ctx, operatorNamespace, catalogName, v1alpha1.ApprovalManual, before)
		plan := awaitPlan(ctx, operatorNamespace, before)
		report("install plan %s waits for approval: %s", plan.Name, plan.Status.Phase)
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: before}, &v1alpha1.ClusterServiceVersion{})).
			To(Satisfy(apierrors.IsNotFound), "nothing is installed before that")
		approve(ctx, plan)
		awaitInstalled(ctx, operatorNamespace, before)

		for _, file := range []string{"cnat_v1alpha1_at.yaml", "cnat_v1alpha1_at_command.yaml", "example_v1_database.yaml"} {
			createSample(ctx, workNamespace, file)
		}
		awaitPhase(ctx, workNamespace, "cnrex", cnatv1.AtSucceeded)
		awaitPhase(ctx, workNamespace, "yay", cnatv1.AtSucceeded)
		awaitReady(ctx, workNamespace, "wordpress")
	})

	It("brings Ats and Databases into every state before the upgrade", reachStates)

	It("upgrades to "+version+" by the channel, with Ats and Databases in every state, and loses nothing", upgrade)

	It("has OLM wait with an upgrade while a release is being installed", func(ctx SpecContext) {
		says := func(g Gomega, status metav1.ConditionStatus) *metav1.Condition {
			condition := &operatorsv2.OperatorCondition{}
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: now}, condition)).To(Succeed())
			upgradeable := meta.FindStatusCondition(condition.Status.Conditions, operatorsv2.Upgradeable)
			g.Expect(upgradeable).NotTo(BeNil())
			g.Expect(upgradeable.Status).To(Equal(status), upgradeable.Message)
			return upgradeable
		}
		Eventually(ctx, func(g Gomega) { says(g, metav1.ConditionTrue) }).Should(Succeed())
		db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: workNamespace, Name: "another"}}
		db.Spec.User = "another"
		Expect(k8s.Create(ctx, db)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			busy := says(g, metav1.ConditionFalse)
			g.Expect(busy.Message).To(ContainSubstring(workNamespace + "/another"))
			report("Upgradeable=False %s: %s", busy.Reason, busy.Message)
		}).WithPolling(50 * time.Millisecond).Should(Succeed())
		awaitReady(ctx, workNamespace, "another")
		Eventually(ctx, func(g Gomega) {
			idle := says(g, metav1.ConditionTrue)
			report("Upgradeable=True %s: %s", idle.Reason, idle.Message)
		}).Should(Succeed())
		Expect(k8s.Delete(ctx, db)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(db), db) }).Should(Satisfy(apierrors.IsNotFound))
	})

	It("fails over: gracefully, after a kill, and after the API server was away", failOver)

	It("has run a CronTab every minute since the middle of the upgrade", haveRunEveryMinute)

	It("has rewritten the Ats that "+beforeVersion+" stored, which are the same in both versions", haveRewritten)

	It("leaves custom resources and data when it is uninstalled, and takes them up again when it is back", func(ctx SpecContext) {
		db := awaitReady(ctx, workNamespace, "wordpress")
		uninstall(ctx, operatorNamespace)
		Expect(k8s.Create(ctx, recordingAt(db, "due-without-operator", time.Now(), 0))).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
		Expect(query(ctx, workNamespace, "SELECT count(*) FROM kept")).To(Equal(strconv.Itoa(rowsKept)))
		finished := &cnatv1alpha1.At{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: workNamespace, Name: "running"}, finished)).To(Succeed())

		subscribe(ctx, operatorNamespace, catalogName, v1alpha1.ApprovalAutomatic, "")
		awaitInstalled(ctx, operatorNamespace, now)
		awaitPhase(ctx, workNamespace, "due-without-operator", cnatv1.AtSucceeded)
		By("seeing that the Database is reconciled again")
		service := &corev1.Service{ObjectMeta: objectMeta(workNamespace, "wordpress-database")}
		Expect(k8s.Delete(ctx, service)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(service), service) }).Should(Succeed())
		awaitReady(ctx, workNamespace, "wordpress")
		Expect(query(ctx, workNamespace, "SELECT count(*) FROM runs WHERE at = 'running'")).To(Equal("1"), "what was done is not done again")
		Expect(query(ctx, workNamespace, "SELECT count(*) FROM kept")).To(Equal(strconv.Itoa(rowsKept)))
	})

	It("watches what its OperatorGroup names: all four install modes", func(ctx SpecContext) {
		removeWork(ctx)
		watchTheirTargets(ctx)
	})

	It("shows what is wrong with OperatorGroups", beWithoutGroup)
	It("shows that the operator's image is not there", missImage)
	It("shows what is wrong with a catalog", beWrongCatalogs)
	It("is installed by the README's Subscription", followREADME)
	It("is run, upgraded and cleaned up by operator-sdk", typeCommands)
	It("upgrades from 0.1.0 to "+version+" in one step, and loses nothing", upgradeDirectly)
	It("upgrades by each version, and gets the newest from candidate first", upgradeByEachVersion)
})

// removeWork deletes all custom resources while the operator is there to take them down, and then the operator.
func removeWork(ctx SpecContext) {
	GinkgoHelper()
	removeWorkIn(ctx, workNamespace)
	uninstall(ctx, operatorNamespace)
}
