package e2emonitoring

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Monitoring", Ordered, func() {
	var shop, tight string // namespaces: one with Databases, one with a quota that has no room

	BeforeAll(func(ctx SpecContext) {
		const scraper = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}, " +
			"podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}}"
		shop, tight = newNamespace(ctx, "e2e-shop"), newNamespace(ctx, "e2e-tight")
		create(ctx, shop,
			databaseManifest("orders", "monitoring: {intervalSeconds: 5}, allowFrom: ["+scraper+"], storage: {size: 256Mi}, backup: {verification: Read}"),
			databaseManifest("archive", `storage: {size: 256Mi}, backup: {schedule: "* * * * *", verification: Read}`),
			atManifest("ran", in(-time.Minute)), atManifest("later", in(24*time.Hour)))
		awaitReady(ctx, shop, "orders")
		awaitReady(ctx, shop, "archive")
	})

	It("reads metrics over TLS that is verified", func(ctx SpecContext) { expectTargets(ctx, shop, "orders") })

	It("lets only authorised readers in", func(ctx SpecContext) { expectOnlyReaders(ctx, shop) })

	It("alerts of what one namespace is to blame for", func(ctx SpecContext) {
		of := func(name string) map[string]string {
			return map[string]string{"database_namespace": shop, "database": name}
		}

		By("a quota without room for Jobs and StatefulSets")
		mustRun(ctx, "", "kubectl -n "+tight+" create quota none --hard=count/jobs.batch=0,count/statefulsets.apps=0")
		create(ctx, tight, atManifest("refused", in(-time.Minute)), databaseManifest("refused", "storage: {size: 256Mi}"))

		By("backups that are suspended once there is one")
		Eventually(ctx, func() (string, error) {
			return run(ctx, "", "kubectl -n "+shop+" get database archive -o jsonpath='{.status.backup.lastSuccessTime}'")
		}).ShouldNot(BeEmpty())
		mustRun(ctx, "", "kubectl -n "+shop+` patch database archive --type=merge -p '{"spec":{"backup":{"suspend":true}}}'`)

		By("a table that the user can't read, and data that fill the volume")
		psql(ctx, shop, "orders", `CREATE TABLE hidden AS SELECT 1;
			CREATE TABLE filler AS SELECT repeat(md5(n::text), 60) AS text FROM generate_series(1, 115000) n; -- 235 MB
			ALTER TABLE filler OWNER TO shop`)
		mustRun(ctx, "", "kubectl -n "+shop+" annotate database orders example.com/backup-requested-at=first")

		fires(ctx, "CnatAtsStalled", map[string]string{"reason": "JobRefused"})
		fires(ctx, "CnatDatabaseStorageNearlyFull", of("orders"))
		fires(ctx, "CnatDatabaseBackupFails", of("orders"))
		fires(ctx, "CnatDatabaseReleasesFail", nil)
		fires(ctx, "CnatDatabaseBackupOld", of("archive"))

		fix(ctx, "CnatAtsStalled", map[string]string{"NS": tight, "NAME": "refused", "QUOTA": "none"})
		fix(ctx, "CnatDatabaseReleasesFail", map[string]string{"NS": tight, "NAME": "refused", "QUOTA": "none"})
		fix(ctx, "CnatDatabaseStorageNearlyFull", map[string]string{"NS": shop, "NAME": "orders", "SIZE": "1Gi"})
		fix(ctx, "CnatDatabaseBackupFails", map[string]string{"NS": shop, "NAME": "orders", "DATABASE": "orders", "RELATION": "hidden", "USER": "shop"})
		fix(ctx, "CnatDatabaseBackupOld", map[string]string{"NS": shop, "NAME": "archive"})

		isResolved(ctx, "CnatDatabaseStorageNearlyFull", of("orders"))
		isResolved(ctx, "CnatDatabaseBackupFails", of("orders"))
		isResolved(ctx, "CnatDatabaseBackupOld", of("archive"))
		isResolved(ctx, "CnatAtsStalled", nil)
		isResolved(ctx, "CnatDatabaseReleasesFail", nil)
	})

	It("alerts of a Database that is down, and of work that waits", func(ctx SpecContext) {
		By("a node that takes no pods")
		node := mustRun(ctx, "", "kubectl get nodes -o jsonpath='{.items[0].metadata.name}'")
		mustRun(ctx, "", "kubectl cordon "+node)
		DeferCleanup(func(ctx SpecContext) { mustRun(ctx, "", "kubectl uncordon "+node) })
		mustRun(ctx, "", "kubectl -n "+shop+" delete pod archive-database-0")

		By("a webhook whose server does not answer")
		waiting := newNamespace(ctx, "e2e-waiting")
		mustRun(ctx, silentWebhook(waiting), "kubectl create -f -")
		DeferCleanup(func(ctx SpecContext) {
			mustRun(ctx, "", "kubectl delete validatingwebhookconfiguration e2e-silent --ignore-not-found")
		})
		var ats []string
		for n := range 400 {
			ats = append(ats, atManifest(fmt.Sprintf("at-%d", n), in(24*time.Hour)))
		}
		create(ctx, waiting, ats...)

		archive := map[string]string{"database_namespace": shop, "database": "archive"}
		fires(ctx, "CnatDatabaseDown", archive)
		fires(ctx, "CnatWorkQueueBacklog", map[string]string{"name": "at-try"})
		fix(ctx, "CnatDatabaseDown", map[string]string{"NS": shop, "NAME": "archive", "NODE": node})
		fix(ctx, "CnatWorkQueueBacklog", map[string]string{"WEBHOOK": "e2e-silent"})
		isResolved(ctx, "CnatDatabaseDown", archive)
		isResolved(ctx, "CnatWorkQueueBacklog", nil)
	})

	It("alerts of an operator that lacks a right", func(ctx SpecContext) {
		mustRun(ctx, "", "kubectl delete clusterrolebinding cnat-operator-manager")
		create(ctx, shop, databaseManifest("forbidden", "storage: {size: 256Mi}"))
		fires(ctx, "CnatReconcileErrors", map[string]string{"controller": "database"})
		fix(ctx, "CnatReconcileErrors", nil)
		isResolved(ctx, "CnatReconcileErrors", nil)
	})

	It("alerts of an operator without a leader", func(ctx SpecContext) {
		create(ctx, shop, atManifest("late", in(40*time.Second)))
		mustRun(ctx, "", "kubectl -n cnat-operator-system delete rolebinding cnat-operator-leader-election")
		fires(ctx, "CnatOperatorHasNoLeader", nil)
		fires(ctx, "CnatAtsDueNotStarted", nil)
		fix(ctx, "CnatAtsDueNotStarted", nil)
		fix(ctx, "CnatOperatorHasNoLeader", nil)
		isResolved(ctx, "CnatOperatorHasNoLeader", nil)
		isResolved(ctx, "CnatAtsDueNotStarted", nil)
		fires(ctx, "CnatAtsStartLate", nil)
		fix(ctx, "CnatAtsStartLate", nil)
		isResolved(ctx, "CnatAtsStartLate", nil)
	})

	It("alerts of an agenda that does not answer", func(ctx SpecContext) {
		mustRun(ctx, "", "kubectl -n cnat-agenda scale deployment/cnat-agenda --replicas=0")
		fires(ctx, "CnatAgendaUnavailable", nil)
		fix(ctx, "CnatAgendaUnavailable", nil)
		isResolved(ctx, "CnatAgendaUnavailable", nil)
	})

	It("alerts of an operator that is down, and of what it missed", func(ctx SpecContext) {
		deadline := time.Now().Add(40 * time.Second)
		create(ctx, shop, atManifest("missed", in(30*time.Second)+", startingDeadlineSeconds: 10"))
		mustRun(ctx, "", "kubectl -n cnat-operator-system scale deployment/cnat-operator-manager --replicas=0")
		fires(ctx, "CnatOperatorDown", nil)
		time.Sleep(time.Until(deadline))
		fix(ctx, "CnatOperatorDown", nil)
		isResolved(ctx, "CnatOperatorDown", nil)
		fires(ctx, "CnatAtMissed", nil)
		fix(ctx, "CnatAtMissed", map[string]string{"NS": shop, "NAME": "missed"})
		isResolved(ctx, "CnatAtMissed", nil)
	})

	It("has seen every alert fire and be resolved", func() {
		all := rules.All()
		fmt.Printf("alerts_fired=%d alerts_resolved=%d rules=%d\n", len(fired), len(resolved), len(all))
		for _, rule := range all {
			Expect(fired).To(HaveKey(rule.Alert))
			Expect(resolved).To(HaveKey(rule.Alert))
		}
	})

	It("has numbers for every panel", func(ctx SpecContext) { expectPanels(ctx) })
})

// silentWebhook is asked about each Job of a namespace, by a server that takes connections and never answers.
func silentWebhook(namespace string) string {
	GinkgoHelper()
	// This machine's address as the API server reaches it.
	apiServer, err := url.Parse(config.Host)
	Expect(err).NotTo(HaveOccurred())
	route, err := net.Dial("udp", apiServer.Host)
	Expect(err).NotTo(HaveOccurred())
	host, _, err := net.SplitHostPort(route.LocalAddr().String())
	Expect(err).NotTo(HaveOccurred())
	Expect(route.Close()).To(Succeed())
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(listener.Close()).To(Succeed()) })
	return strings.NewReplacer("ADDRESS", listener.Addr().String(), "NAMESPACE", namespace).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: e2e-silent}
webhooks:
- name: silent.example.com
  clientConfig: {url: "https://ADDRESS/"}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
  rules: [{apiGroups: [batch], apiVersions: [v1], resources: [jobs], operations: [CREATE]}]
  timeoutSeconds: 10
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`)
}
