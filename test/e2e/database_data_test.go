package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// psqlWith is an At that runs SQL as the binding of a Database says, but with another password where one is given.
func psqlWith(db *databasev1.Database, name, password string, sql ...string) *cnatv1.At {
	container := corev1.Container{
		Name: "psql", Image: postgresImage,
		Command: []string{"sh", "-c", awaitServer + `exec psql -X -A -t -v ON_ERROR_STOP=1 "$@" -d "$URI"`, "psql"},
		Env: []corev1.EnvVar{{Name: "URI", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: db.Status.Binding.Name}, Key: "uri",
		}}}},
	}
	if password != "" {
		container.Env = []corev1.EnvVar{
			{Name: "PGPASSWORD", Value: password},
			{Name: "URI", Value: fmt.Sprintf("postgresql://%s@%s/%s", db.Spec.User, db.Status.Endpoint, db.Status.DatabaseName)},
		}
	}
	for _, statement := range sql {
		container.Command = append(container.Command, "-c", statement)
	}
	return &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: name},
		Spec:       cnatv1.AtSpec{Schedule: ptr.To(metav1.Now()), Run: runv1.Run{Containers: []corev1.Container{container}}},
	}
}

var _ = Describe("The data of a Database", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("are reached with a new password within a minute, and connections stay open", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("rotated", "user: app, password: open-sesame-1"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "rotated", databasev1.ConditionReady, "")
		podKey := client.ObjectKey{Namespace: namespace, Name: "rotated-database-0"}
		before := &corev1.Pod{}
		Expect(k8s.Get(ctx, podKey, before)).To(Succeed())

		open := psqlWith(db, "open", "", "CREATE TABLE marks AS SELECT 1 AS mark",
			`DO $x$ BEGIN
				WHILE NOT EXISTS (SELECT 1 FROM marks WHERE mark = 2) LOOP PERFORM pg_sleep(0.2); END LOOP;
				INSERT INTO marks VALUES (3);
			END $x$`)
		Expect(k8s.Create(ctx, open)).To(Succeed())
		awaitAt(ctx, namespace, "open", inPhase(cnatv1.AtRunning))

		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"password":"open-sesame-2"}}`))
		Expect(k8s.Patch(ctx, db, patch)).To(Succeed())
		changed := time.Now()
		attempt := 0
		Eventually(ctx, func(g Gomega) {
			attempt++
			login := psqlWith(db, fmt.Sprintf("login-%d", attempt), "open-sesame-2", "INSERT INTO marks VALUES (2)")
			g.Expect(k8s.Create(ctx, login)).To(Succeed())
			at := awaitAt(ctx, namespace, login.Name, func(status *cnatv1.AtStatus) bool {
				return status.Phase == cnatv1.AtSucceeded || status.Phase == cnatv1.AtFailed
			})
			g.Expect(at.Status.Phase).To(Equal(cnatv1.AtSucceeded))
		}).WithTimeout(time.Minute).Should(Succeed())
		AddReportEntry(fmt.Sprintf("the new password held after %.1f s", time.Since(changed).Seconds()))

		By("refusing the old password")
		Expect(k8s.Create(ctx, psqlWith(db, "old", "open-sesame-1", "SELECT 1"))).To(Succeed())
		at := awaitAt(ctx, namespace, "old", inPhase(cnatv1.AtFailed))
		Expect(at.Status.Message).To(ContainSubstring("password authentication failed"))

		By("leaving the open connection and the pod as they were")
		awaitAt(ctx, namespace, "open", inPhase(cnatv1.AtSucceeded))
		Expect(query(ctx, db, "ask", "SELECT count(*) FROM marks")).To(Equal("3"))
		after := &corev1.Pod{}
		Expect(k8s.Get(ctx, podKey, after)).To(Succeed())
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Status.ContainerStatuses).To(HaveEach(HaveField("RestartCount", BeZero())))
		expectNoSecretShown(ctx, db, "open-sesame-2")
	})

	It("go with the Database where its policy says so, and come back empty", func(ctx SpecContext) {
		manifest := databaseManifest("gone", "user: app, deletionPolicy: Delete")
		Expect(create(ctx, namespace, manifest)).To(Succeed())
		db := awaitDatabase(ctx, namespace, "gone", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		Expect(k8s.Delete(ctx, db)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(db), db) }).Should(Satisfy(apierrors.IsNotFound))
		for _, object := range []client.Object{
			&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gone-database-data"}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gone-database-credentials"}},
		} {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Satisfy(apierrors.IsNotFound), object.GetName())
		}
		Expect(create(ctx, namespace, manifest)).To(Succeed())
		db = awaitDatabase(ctx, namespace, "gone", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT to_regclass('kept') IS NULL")).To(Equal("t"))
	})

	It("survive the deletion of the pod, and what was changed by hand is fixed", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("drift", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "drift", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "drift-database-0"}}
		Expect(k8s.Delete(ctx, pod)).To(Succeed())

		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "drift-database"}}
		Expect(k8s.Delete(ctx, service)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(service), service) }).
			WithTimeout(30 * time.Second).Should(Succeed())
		statefulSet := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "drift-database"}}
		Expect(k8s.Patch(ctx, statefulSet, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":0}}`)))).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(statefulSet), statefulSet)).To(Succeed())
			g.Expect(statefulSet.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		}).WithTimeout(30 * time.Second).Should(Succeed())
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "drift-database"}}
		Expect(k8s.Patch(ctx, account, client.RawPatch("application/merge-patch+json", []byte(`{"automountServiceAccountToken":true}`)))).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(account), account)).To(Succeed())
			g.Expect(account.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
		}).WithTimeout(30 * time.Second).Should(Succeed())

		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
			g.Expect(pod.Status.ContainerStatuses).To(ContainElement(HaveField("Ready", true)))
		}).Should(Succeed())
		db = awaitDatabase(ctx, namespace, "drift", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT answer FROM kept")).To(Equal("42"))
	})

	It("are in the encoding that was asked for", func(ctx SpecContext) {
		encodings := map[string]string{
			"UTF-8": "UTF8", "latin1": "LATIN1", "iso_8859_5": "ISO_8859_5", "win1251": "WIN1251", "KOI8": "KOI8R",
			"euc_jp": "EUC_JP", "EUC-KR": "EUC_KR", "SQL_ASCII": "SQL_ASCII",
		}
		asked := map[string]string{}
		for encoding := range encodings {
			name := fmt.Sprintf("encoding-%d", len(asked))
			asked[name] = encoding
			Expect(create(ctx, namespace, databaseManifest(name, fmt.Sprintf("user: app, encoding: %q", encoding)))).To(Succeed())
		}
		for name, encoding := range asked {
			db := awaitDatabase(ctx, namespace, name, databasev1.ConditionReady, "")
			Expect(db.Status.Encoding).To(Equal(encodings[encoding]))
			Expect(k8s.Create(ctx, psqlWith(db, name, "", "SHOW server_encoding"))).To(Succeed())
		}
		for name, encoding := range asked {
			Expect(logOf(ctx, awaitAt(ctx, namespace, name, inPhase(cnatv1.AtSucceeded)))).To(Equal(encodings[encoding]))
		}
	})
})
