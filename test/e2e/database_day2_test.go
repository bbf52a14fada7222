package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// psql runs SQL as the superuser in the server's pod, and gives the answer.
func psql(ctx SpecContext, db *databasev1.Database, sql string) string {
	GinkgoHelper()
	output, err := kubectl(ctx, db.Namespace, "exec", db.Name+"-database-0", "--",
		"psql", "-XAtqU", "postgres", "-d", db.Status.DatabaseName, "-c", sql)
	Expect(err).NotTo(HaveOccurred(), output)
	return output
}

// patchSpec merges fields, as JSON, into a Database's spec.
func patchSpec(ctx SpecContext, db *databasev1.Database, fields string) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":%s}`, fields))
	Expect(k8s.Patch(ctx, db, patch)).To(Succeed())
}

var _ = Describe("Database, day 2", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) {
		namespace = newNamespace(ctx)
		// Whatever the cases ask of the pod, it must be admitted here.
		restricted := client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))
		Expect(k8s.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, restricted)).To(Succeed())
	})

	It("takes settings, and serves on with them while the server refuses others", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("tuned", `user: wp, evictions: Refused, parameters: {work_mem: 7MB}`))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "tuned", databasev1.ConditionReady, "")
		Expect(psql(ctx, db, "SHOW work_mem")).To(Equal("7MB"))

		patchSpec(ctx, db, `{"parameters":{"work_mem":"much"}}`)
		db = awaitDatabase(ctx, namespace, "tuned", databasev1.ConditionStalled, databasev1.ReasonParametersRefused)
		Expect(meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionStalled).Message).
			To(ContainSubstring(`invalid value for parameter "work_mem": "much"`))
		Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
		Expect(psql(ctx, db, "SHOW work_mem")).To(Equal("7MB"))

		patchSpec(ctx, db, `{"parameters":{"work_mem":"9MB","shared_preload_libraries":"auto_explain"}}`)
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
			g.Expect(meta.IsStatusConditionFalse(db.Status.Conditions, databasev1.ConditionStalled)).To(BeTrue())
			g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
		}).Should(Succeed())
		Expect(psql(ctx, db, "SHOW work_mem")).To(Equal("9MB"))

		By("joining in parallel by more shared memory than the 64 MB of a container runtime")
		psql(ctx, db, `CREATE TABLE a AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 1500000) n;
			CREATE TABLE b AS SELECT * FROM a; ANALYZE a; ANALYZE b`)
		const settings = `SET work_mem = '128MB'; SET enable_mergejoin = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;`
		const join = `SELECT count(a.text || b.text) FROM a JOIN b USING (id)`
		Expect(psql(ctx, db, settings+"EXPLAIN (COSTS OFF) "+join)).To(ContainSubstring("Parallel Hash Join"))
		Expect(psql(ctx, db, settings+join)).To(Equal("1500000"))

		By("holding up a drain until the spec says otherwise")
		evict := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tuned-database-0"}}
		Eventually(ctx, func() error {
			return clientset.PolicyV1().Evictions(namespace).Evict(ctx, &policyv1.Eviction{
				ObjectMeta: evict.ObjectMeta, DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
			})
		}).Should(MatchError(ContainSubstring("disruption budget")))
		patchSpec(ctx, db, `{"evictions":"Allowed"}`)
		Eventually(ctx, func() error { return clientset.PolicyV1().Evictions(namespace).Evict(ctx, evict) }).Should(Succeed())
	})

	It("serves TLS, and takes up a renewed certificate without a restart", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("safe", `user: wp, tls: {secretName: pair}, tolerations: [{operator: Exists}]`))).To(Succeed())
		awaitDatabase(ctx, namespace, "safe", databasev1.ConditionStalled, databasev1.ReasonSecretMissing)

		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pair"}, Type: corev1.SecretTypeTLS, Data: newPair()}
		Expect(k8s.Create(ctx, secret)).To(Succeed())
		db := awaitDatabase(ctx, namespace, "safe", databasev1.ConditionReady, "")
		login := func(mode string) (string, error) {
			return kubectl(ctx, namespace, "exec", "safe-database-0", "--", "sh", "-c",
				`PGPASSWORD=$(cat /run/credentials/password) PGHOSTADDR=127.0.0.1 PGSSLROOTCERT=/run/tls/tls.crt PGSSLMODE=`+mode+
					` psql -XAtU wp -h safe-database -d safe -c "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"`)
		}
		answer, err := login("verify-full")
		Expect(err).NotTo(HaveOccurred(), answer)
		Expect(answer).To(Equal("t"))
		answer, err = login("disable")
		Expect(err).To(HaveOccurred())
		Expect(answer).To(ContainSubstring("no encryption"))

		By("renewing the certificate")
		started := psql(ctx, db, "SELECT pg_postmaster_start_time()")
		secret.Data = newPair()
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		Eventually(ctx, func() string {
			return psql(ctx, db, "SELECT pg_conf_load_time() > pg_postmaster_start_time() + interval '1 second'")
		}).WithTimeout(2 * patience).WithPolling(time.Second).Should(Equal("t")) // the kubelet has its own time
		Expect(psql(ctx, db, "SELECT pg_postmaster_start_time()")).To(Equal(started))
		Eventually(ctx, func() string { answer, _ := login("verify-full"); return answer }).Should(Equal("t"))
	})
})

// newPair is a certificate for the server with its key, as cert-manager puts them into a Secret.
func newPair() map[string][]byte {
	certificate, key, err := cert.GenerateSelfSignedCertKey("safe-database", nil, nil)
	Expect(err).NotTo(HaveOccurred())
	return map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}
}
