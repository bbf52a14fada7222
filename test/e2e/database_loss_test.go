package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// stalls waits until a Database is Stalled for a reason, and returns the message.
func stalls(ctx SpecContext, db *databasev1.Database, within time.Duration, reasons ...string) string {
	GinkgoHelper()
	var stalled *metav1.Condition
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
		stalled = meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionStalled)
		g.Expect(reasons).To(ContainElement(stalled.Reason), "%+v", db.Status.Conditions)
	}).WithTimeout(within).Should(Succeed())
	return stalled.Message
}

// annotateLostData says what a Database begins with.
func annotateLostData(ctx SpecContext, db *databasev1.Database, word string) {
	GinkgoHelper()
	_, err := kubectl(ctx, db.Namespace, "annotate", "--overwrite", "database", db.Name, databasev1.AnnotationLostData+"="+word)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("What a Database can lose", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("is never replaced by an empty database in silence", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("shop", "user: app, backup: {}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		requestBackup(ctx, db, "one")
		claim := &corev1.PersistentVolumeClaim{}
		claimKey := client.ObjectKey{Namespace: namespace, Name: "shop-database-data"}
		Expect(k8s.Get(ctx, claimKey, claim)).To(Succeed())
		first := string(claim.UID)
		Expect(db.Status.Storage.ClaimUID).To(Equal(first))

		By("warning while the claim is being deleted, and not touching the server")
		Expect(k8s.Delete(ctx, claim)).To(Succeed())
		Expect(stalls(ctx, db, 30*time.Second, databasev1.ReasonDataBeingDeleted)).To(ContainSubstring("back up now"))
		patchSpec(ctx, db, `{"resources":{"requests":{"cpu":"60m","memory":"128Mi"}}}`)
		Consistently(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
		}).WithTimeout(10 * time.Second).Should(Succeed())
		Expect(query(ctx, db, "still", "SELECT answer FROM kept")).To(Equal("42"))

		By("creating no claim once it was deleted")
		Expect(k8s.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-database-0"}})).To(Succeed())
		Expect(stalls(ctx, db, patience, databasev1.ReasonDataLost)).To(ContainSubstring("latest:" + first))
		Consistently(ctx, func() error { return k8s.Get(ctx, claimKey, claim) }).WithTimeout(10 * time.Second).
			Should(Satisfy(apierrors.IsNotFound))

		By("restoring the dump where the user says so")
		annotateLostData(ctx, db, "latest:"+first)
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(db.Status.Storage.ClaimUID).NotTo(Equal(first))
		}).Should(Succeed())
		db = awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "restored", "SELECT answer FROM kept")).To(Equal("42"))
		Eventually(ctx, func() []string { return eventsOf(ctx, db) }).Should(ContainElements(databasev1.ReasonDataBeingDeleted, databasev1.ReasonDataLost, "Restored"))
	})

	It("is its password, which comes back from the binding", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("keys", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "keys", databasev1.ConditionReady, "")
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: namespace, Name: "keys-database-credentials"}
		Expect(k8s.Get(ctx, key, secret)).To(Succeed())
		password := secret.Data["password"]
		Expect(k8s.Delete(ctx, secret)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, key, secret)).To(Succeed())
			g.Expect(secret.Data["password"]).To(Equal(password))
		}).WithTimeout(30 * time.Second).Should(Succeed())
		Eventually(ctx, func() []string { return eventsOf(ctx, db) }).Should(ContainElement("CredentialsRestored"))
	})

	It("is not its data, when a second server is started beside it", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("twice", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "twice", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		patchSpec(ctx, db, `{"resources":{"requests":{"cpu":"60m","memory":"128Mi"}}}`)
		_, err := kubectl(ctx, namespace, "scale", "statefulset", "twice-database", "--replicas=2")
		Expect(err).NotTo(HaveOccurred())
		statefulSet := &appsv1.StatefulSet{}
		Eventually(ctx, func(g Gomega) {
			second := &corev1.Pod{}
			if err := k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "twice-database-1"}, second); err == nil {
				g.Expect(second.Status.ContainerStatuses).NotTo(ContainElement(HaveField("Ready", true)))
			}
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "twice-database"}, statefulSet)).To(Succeed())
			g.Expect(statefulSet.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		}).WithTimeout(time.Minute).Should(Succeed())
		Expect(k8s.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "twice-database-0"}})).To(Succeed())
		db = awaitDatabase(ctx, namespace, "twice", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT answer FROM kept")).To(Equal("42"))
	})
})

var _ = Describe("A server of a Database that does not serve", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("has the reason in the condition within a minute: a database that was dropped", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("blog", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "blog", databasev1.ConditionReady, "")
		sql := func(statement string) {
			output, err := kubectl(ctx, namespace, "exec", "blog-database-0", "--", "psql", "-XU", "postgres", "-c", statement)
			Expect(err).NotTo(HaveOccurred(), output)
		}
		sql("DROP DATABASE blog WITH (FORCE)")
		message := stalls(ctx, db, time.Minute, "DatabaseMissing", databasev1.ReasonLoginRefused)
		Expect(message).To(And(ContainSubstring("blog"), ContainSubstring("does not exist")))
		sql("CREATE DATABASE blog OWNER app TEMPLATE template0 ENCODING 'UTF8'")
		awaitDatabase(ctx, namespace, "blog", databasev1.ConditionReady, "")
	})

	It("has the reason in the condition: a pod that a quota refuses", func(ctx SpecContext) {
		quota := `{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"none"},"spec":{"hard":{"pods":"0"}}}`
		Expect(create(ctx, namespace, quota)).To(Succeed())
		Expect(create(ctx, namespace, databaseManifest("refused", "user: app"))).To(Succeed())
		db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "refused"}}
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(db), db) }).Should(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(db.Status.Reason).To(Equal(databasev1.ReasonPodMissing))
			g.Expect(db.Status.Message).To(ContainSubstring("exceeded quota: none"))
		}).WithTimeout(time.Minute).Should(Succeed())
	})

	It("serves on when the application uses all connections", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("full", `user: app, parameters: {max_connections: "8"}`))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "full", databasev1.ConditionReady, "")
		for i := range 6 {
			Expect(k8s.Create(ctx, psqlWith(db, "sleeper-"+string(rune('a'+i)), "", "SELECT pg_sleep(60)"))).To(Succeed())
		}
		Eventually(ctx, func(g Gomega) {
			g.Expect(psql(ctx, db, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND usename = 'app'")).To(Equal("5"))
		}).Should(Succeed())
		Consistently(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue(), "%+v", db.Status.Conditions)
		}).WithTimeout(30 * time.Second).Should(Succeed())
	})

	It("says why it ends, in its own words, once", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("broken", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "broken", databasev1.ConditionReady, "")
		output, err := kubectl(ctx, namespace, "exec", "broken-database-0", "--", "sh", "-c",
			"mv /pgdata/data/global/pg_control /pgdata/control && kill -INT 1")
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(stalls(ctx, db, patience, databasev1.ReasonServerFailed)).To(ContainSubstring("pg_control"))
		Consistently(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(db.Status.Reason).To(Equal(databasev1.ReasonServerFailed), "%+v", db.Status.Conditions)
		}).WithTimeout(30 * time.Second).WithPolling(100 * time.Millisecond).Should(Succeed())
		count := 0
		for _, reason := range eventsOf(ctx, db) {
			if reason == databasev1.ReasonServerFailed {
				count++
			}
		}
		Expect(count).To(Equal(1))
		Expect(db.Status.Restarts.Count).To(BeNumerically(">", 1))
	})

	It("counts the crashes that it recovers from", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("crashes", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "crashes", databasev1.ConditionReady, "")
		output, err := kubectl(ctx, namespace, "exec", "crashes-database-0", "--", "psql", "-U", "postgres", "-Atc",
			`COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'`)
		Expect(err).To(HaveOccurred(), output)
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(db.Status.Restarts.Crashes + db.Status.Restarts.Count).To(BeNumerically(">", 0))
			g.Expect(eventsOf(ctx, db)).To(ContainElement(Or(Equal("ServerCrashed"), Equal("ServerRestarted"))))
		}).WithTimeout(time.Minute).Should(Succeed())
		awaitDatabase(ctx, namespace, "crashes", databasev1.ConditionReady, "")
	})
})
