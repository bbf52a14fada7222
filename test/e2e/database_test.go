package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os/exec"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// databaseManifest is a Database with the lines as its spec.
func databaseManifest(name, spec string) string {
	return fmt.Sprintf(`
apiVersion: example.com/v1
kind: Database
metadata: {name: %s}
spec: {%s}
`, name, spec)
}

// awaitDatabase waits until a condition of a Database is True, with that
// reason unless it is empty.
func awaitDatabase(ctx SpecContext, namespace, name, condition, reason string) *databasev1.Database {
	GinkgoHelper()
	db := &databasev1.Database{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, db)).To(Succeed())
		got := meta.FindStatusCondition(db.Status.Conditions, condition)
		g.Expect(got).NotTo(BeNil())
		g.Expect(got.Status).To(Equal(metav1.ConditionTrue), "%+v", db.Status.Conditions)
		g.Expect(got.ObservedGeneration).To(Equal(db.Generation))
		if reason != "" {
			g.Expect(got.Reason).To(Equal(reason))
		}
	}).Should(Succeed())
	return db
}

// awaitServer waits until the node leads the Service's address to the pod, which it may learn of after all others.
const awaitServer = `until pg_isready -q -d "${URI:-}"; do sleep 0.1; done; `

// query runs SQL as the Database's user from a pod, an At's, and gives the answer.
func query(ctx SpecContext, db *databasev1.Database, name, sql string) string {
	GinkgoHelper()
	password := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: db.Status.Credentials.Name}, Key: db.Status.Credentials.Key,
	}}
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: name},
		Spec: cnatv1.AtSpec{
			Schedule: ptr.To(metav1.Now()),
			Run: runv1.Run{Containers: []corev1.Container{{
				Name: "psql", Image: postgresImage,
				Command: []string{"sh", "-c", awaitServer + `exec psql -X -A -t -v ON_ERROR_STOP=1 -c "$0"`, sql},
				Env: []corev1.EnvVar{
					{Name: "PGHOST", Value: db.Name + "-database"},
					{Name: "PGUSER", Value: db.Spec.User},
					{Name: "PGDATABASE", Value: db.Status.DatabaseName},
					{Name: "PGPASSWORD", ValueFrom: password},
				},
			}}},
		},
	}
	Expect(k8s.Create(ctx, at)).To(Succeed())
	return logOf(ctx, awaitAt(ctx, db.Namespace, name, inPhase(cnatv1.AtSucceeded)))
}

const whoAndWhat = "SELECT current_user, current_database(), current_setting('server_encoding')"

var _ = Describe("Database", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("makes a working PostgreSQL of the users' manifest, and keeps its data", func(ctx SpecContext) {
		sample(ctx, namespace, "example_v1_database.yaml")
		db := awaitDatabase(ctx, namespace, "wordpress", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", whoAndWhat)).To(Equal("wp|wordpress|UTF8"))

		By("showing the release to helm")
		output, err := exec.CommandContext(ctx, "helm", "--namespace="+namespace, "list", "--output=yaml").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		Expect(string(output)).To(And(ContainSubstring("name: wordpress-database"), ContainSubstring("status: deployed")))

		By("keeping the volume when the Database is deleted, and taking it up again")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		Expect(k8s.Delete(ctx, db)).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(db), db) }).Should(Satisfy(apierrors.IsNotFound))
		claim := &corev1.PersistentVolumeClaim{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "wordpress-database-data"}, claim)).To(Succeed())
		Expect(claim.DeletionTimestamp).To(BeNil())

		sample(ctx, namespace, "example_v1_database.yaml")
		db = awaitDatabase(ctx, namespace, "wordpress", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "again", "SELECT answer FROM kept")).To(Equal("42"))
	})

	It("goes on by itself once a Secret that was missing is there", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("shop", "user: shop, encoding: Latin-1, passwordSecretRef: {name: shop-password}"))).To(Succeed())
		awaitDatabase(ctx, namespace, "shop", databasev1.ConditionStalled, databasev1.ReasonSecretMissing)

		// All that shells, SQL, URIs and files of passwords treat apart.
		password := "it's \"q\\uoted\" $HOME `id` %41@:/?#'; DROP ROLE shop; -- ü\n\tend"
		Expect(k8s.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-password"},
			StringData: map[string]string{"password": password},
		})).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", whoAndWhat)).To(Equal("shop|shop|LATIN1"))
		Expect(k8s.Create(ctx, psqlWith(db, "bound", "", whoAndWhat))).To(Succeed())
		Expect(logOf(ctx, awaitAt(ctx, namespace, "bound", inPhase(cnatv1.AtSucceeded)))).To(Equal("shop|shop|LATIN1"))
		expectNoSecretShown(ctx, db, password)
	})

	It("says that an image can't be pulled", func(ctx SpecContext) {
		Expect(create(ctx, namespace, databaseManifest("no-image", fmt.Sprintf("user: wp, image: %q", postgresImage+"-is-not-there")))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "no-image", databasev1.ConditionStalled, databasev1.ReasonImagePullFailed)

		By("going on by itself once the image is fixed")
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"image":%q}}`, postgresImage))
		Expect(k8s.Patch(ctx, db, patch)).To(Succeed())
		awaitDatabase(ctx, namespace, "no-image", databasev1.ConditionReady, "")
	})

	DescribeTable("is refused with the field and the fix",
		func(ctx SpecContext, spec, want string) {
			Expect(create(ctx, namespace, databaseManifest("bad", spec))).To(MatchError(ContainSubstring(want)))
		},
		Entry("no user", "encoding: UTF8", "spec.user"),
		Entry("a reserved user", "user: postgres", "spec.user"),
		Entry("SQL in the user", `user: "app\"; DROP ROLE postgres; --"`, "spec.user"),
		Entry("SQL in the database", `user: app, databaseName: "x; DROP DATABASE postgres"`, "spec.databaseName"),
		Entry("an unknown encoding", "user: wp, encoding: klingon", "spec.encoding"),
		Entry("both passwords", "user: wp, password: a, passwordSecretRef: {name: b}", "password"),
	)
})

// expectNoSecretShown looks for a password wherever it must not be: in the
// Database but where its user put it, the release, events and logs.
func expectNoSecretShown(ctx SpecContext, db *databasev1.Database, password string) {
	GinkgoHelper()
	status, err := yaml.Marshal(db.Status)
	Expect(err).NotTo(HaveOccurred())
	holds := ContainSubstring(password)
	Expect(string(status)).NotTo(holds, "status")

	secrets := &corev1.SecretList{}
	Expect(k8s.List(ctx, secrets, client.InNamespace(db.Namespace), client.MatchingLabels{"owner": "helm"})).To(Succeed())
	Expect(secrets.Items).NotTo(BeEmpty())
	for _, secret := range secrets.Items {
		Expect(unpackRelease(secret.Data["release"])).NotTo(holds, "release %s", secret.Name)
	}

	events, err := clientset.EventsV1().Events(db.Namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	for _, event := range events.Items {
		if event.Regarding.Kind == "Database" {
			Expect(event.Note).NotTo(holds, "event %s", event.Reason)
		}
	}
	Expect(operatorLog()).NotTo(holds, "the operator's log")
	Expect(podLog(ctx, db.Namespace, "app.kubernetes.io/instance="+db.Name+"-database")).NotTo(holds, "the server's log")

	pod := &corev1.Pod{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database-0"}, pod)).To(Succeed())
	spec, err := yaml.Marshal(pod.Spec)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(spec)).NotTo(holds, "the pod")
}

// unpackRelease is what Helm stored: JSON, packed by gzip, in base64.
func unpackRelease(stored []byte) string {
	packed, err := base64.StdEncoding.DecodeString(string(stored))
	Expect(err).NotTo(HaveOccurred())
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	Expect(err).NotTo(HaveOccurred())
	release, err := io.ReadAll(reader)
	Expect(err).NotTo(HaveOccurred())
	return string(release)
}
