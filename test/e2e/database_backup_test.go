package e2e

import (
	"fmt"
	"os/exec"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// checksums is one line for each table's rows and for the definitions: equal for databases that are.
const checksums = `SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM notes t
	UNION ALL SELECT md5(string_agg(column_name || data_type || coalesce(column_default, ''), ',' ORDER BY table_name, ordinal_position))
	FROM information_schema.columns WHERE table_schema = 'public'
	UNION ALL SELECT pg_get_viewdef('newest'::regclass)`

// requestBackup asks for a backup, and waits for one that ended after that.
func requestBackup(ctx SpecContext, db *databasev1.Database, value string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, databasev1.AnnotationBackupRequest, value)
	Expect(k8s.Patch(ctx, db, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
	before := db.Status.Backup
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
		g.Expect(db.Status.Backup.LastRequest).To(Equal(value))
		g.Expect(db.Status.Backup.LastSuccessName).NotTo(Or(BeEmpty(), Equal(before.LastSuccessName)), "%+v", db.Status.Conditions)
	}).Should(Succeed())
}

var _ = Describe("Backup of a Database", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("is restored into a new Database, equal to its source, which may be deleted", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("shop", "user: shop, backup: {retain: 2}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		query(ctx, db, "fill", `CREATE TABLE notes (id serial PRIMARY KEY, text text, blob bytea);
			INSERT INTO notes (text, blob) SELECT 'é漢 ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 20000) n;
			CREATE VIEW newest AS SELECT max(id) FROM notes`)
		requestBackup(ctx, db, "one")
		Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionBackupHealthy)).To(BeTrue())
		Expect(db.Status.Backup.LastSuccessBytes).To(BeNumerically(">", 20000*16))
		Eventually(ctx, func() []string { return eventsOf(ctx, db) }).Should(ContainElements("BackupRequested", databasev1.ReasonBackupSucceeded))
		first, want := db.Status.Backup.LastSuccessName, query(ctx, db, "sum-one", checksums)

		query(ctx, db, "more", "DELETE FROM notes WHERE id % 2 = 0")
		requestBackup(ctx, db, "two")
		wantNewest := query(ctx, db, "sum-two", checksums)
		Expect(wantNewest).NotTo(Equal(want))

		By("deleting the source: the volume with the dumps stays")
		Expect(k8s.Delete(ctx, db)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(db), db) }).ShouldNot(Succeed())
		claim := &corev1.PersistentVolumeClaim{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "shop-backup"}, claim)).To(Succeed())

		By("restoring the newest dump, and one by its name for another user")
		Expect(create(ctx, namespace, databaseManifest("copy", "user: shop, restoreFrom: {database: shop}"))).To(Succeed())
		Expect(create(ctx, namespace, databaseManifest("older", "user: other, restoreFrom: {database: shop, dump: "+first+"}"))).To(Succeed())
		newest := awaitDatabase(ctx, namespace, "copy", databasev1.ConditionReady, "")
		Expect(query(ctx, newest, "sum-copy", checksums)).To(Equal(wantNewest))
		older := awaitDatabase(ctx, namespace, "older", databasev1.ConditionReady, "")
		Expect(query(ctx, older, "sum-older", checksums)).To(Equal(want))
		Expect(query(ctx, older, "goes-on", "INSERT INTO notes (text) VALUES ('new') RETURNING id")).To(HavePrefix("20001"))

		By("letting go of the volume with the dumps")
		Expect(older.Status.RestoreTime).NotTo(BeNil())
		pod := &corev1.Pod{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "older-database-0"}, pod)).To(Succeed())
		Expect(pod.Spec.InitContainers).NotTo(ContainElement(HaveField("Name", "restore")))
	})

	It("runs on schedule, and says why it fails", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("blog", `user: blog, backup: {schedule: "* * * * *"}`))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "blog", databasev1.ConditionReady, "")
		awaitDatabase(ctx, namespace, "blog", databasev1.ConditionBackupHealthy, databasev1.ReasonBackupSucceeded)

		By("reporting one that waits for a table which is locked, since when")
		psql(ctx, db, "CREATE TABLE locked (a int); ALTER TABLE locked OWNER TO blog")
		lock := exec.CommandContext(ctx, "kubectl", "--namespace="+namespace, "exec", "blog-database-0", "--",
			"psql", "-XqU", "postgres", "-d", "blog", "-c", "BEGIN; LOCK TABLE locked; SELECT pg_sleep(600)")
		Expect(lock.Start()).To(Succeed())
		const locked = "SELECT count(*) FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock' AND granted"
		Eventually(ctx, func() string { return psql(ctx, db, locked) }).Should(Equal("1"))
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionBackupHealthy).Message).
				To(ContainSubstring("one is under way since"))
			g.Expect(psql(ctx, db, "SELECT count(*) FROM pg_locks WHERE NOT granted")).To(Equal("1"))
		}).WithTimeout(2 * time.Minute).Should(Succeed())
		psql(ctx, db, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock'")
		Expect(lock.Wait()).NotTo(Succeed())

		By("asking for one of what the user may not read")
		psql(ctx, db, "CREATE TABLE hidden (a int)")
		suspend := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"backup":{"suspend":true}}}`))
		Expect(k8s.Patch(ctx, db, suspend)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			cronJob := &batchv1.CronJob{}
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "blog-backup"}, cronJob)).To(Succeed())
			g.Expect(*cronJob.Spec.Suspend).To(BeTrue())
		}).Should(Succeed())
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"now"}}}`, databasev1.AnnotationBackupRequest)
		Expect(k8s.Patch(ctx, db, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			healthy := meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionBackupHealthy)
			g.Expect(healthy.Status).To(Equal(metav1.ConditionFalse))
			g.Expect(healthy.Message).To(ContainSubstring("permission denied for table hidden"))
			g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
		}).WithTimeout(2 * time.Minute).Should(Succeed())
	})

	It("that is not there stalls the new Database, which goes on once it is", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("early", "user: shop, restoreFrom: {database: shop}"))).To(Succeed())
		awaitDatabase(ctx, namespace, "early", databasev1.ConditionStalled, databasev1.ReasonUnschedulable)
		Expect(create(ctx, namespace, databaseManifest("shop", "user: shop, backup: {}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		stalled := awaitDatabase(ctx, namespace, "early", databasev1.ConditionStalled, databasev1.ReasonServerFailed)
		message := meta.FindStatusCondition(stalled.Status.Conditions, databasev1.ConditionStalled).Message
		Expect(message).To(ContainSubstring("there is no dump of Database shop"))
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		requestBackup(ctx, db, "now")
		db = awaitDatabase(ctx, namespace, "early", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT answer FROM kept")).To(Equal("42"))
	})
})
