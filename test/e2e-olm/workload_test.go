package e2eolm

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// createSample creates a manifest of config/samples, unchanged.
func createSample(ctx SpecContext, namespace, file string) {
	GinkgoHelper()
	manifest, err := os.ReadFile(filepath.Join(root, "config", "samples", file))
	Expect(err).NotTo(HaveOccurred())
	object := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(manifest, &object.Object)).To(Succeed())
	object.SetNamespace(namespace)
	Expect(k8s.Create(ctx, object)).To(Succeed())
}

func awaitPhase(ctx SpecContext, namespace, name string, phase cnatv1.AtPhase) *cnatv1alpha1.At {
	GinkgoHelper()
	at := &cnatv1alpha1.At{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, at)).To(Succeed())
		g.Expect(at.Status.Phase).To(Equal(phase), "%+v", at.Status)
	}).Should(Succeed())
	return at
}

func awaitReady(ctx SpecContext, namespace, name string) *databasev1.Database {
	GinkgoHelper()
	db := &databasev1.Database{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, db)).To(Succeed())
		g.Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue(), "%+v", db.Status.Conditions)
		g.Expect(db.Status.ObservedGeneration).To(Equal(db.Generation))
	}).Should(Succeed())
	return db
}

// psql is a container that runs a script with psql set up for a Database.
func psql(db *databasev1.Database, script string) corev1.Container {
	return corev1.Container{
		Name: "psql", Image: postgresImage, Command: []string{"sh", "-c", script},
		Env: []corev1.EnvVar{
			{Name: "PGHOST", Value: db.Name + "-database"},
			{Name: "PGUSER", Value: db.Spec.User},
			{Name: "PGDATABASE", Value: db.Status.DatabaseName},
			{Name: "PGCONNECT_TIMEOUT", Value: "2"},
			{Name: "PGPASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: db.Status.Credentials.Name}, Key: db.Status.Credentials.Key,
			}}},
		},
	}
}

// startClient creates a pod that the queries are sent from: it needs no operator.
func startClient(ctx SpecContext, db *databasev1.Database) {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: "client"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{psql(db, "exec sleep 3600")}},
	}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
	}).Should(Succeed())
}

// query gives the answer to SQL, as soon as the server gives one.
func query(ctx SpecContext, namespace, sql string) string {
	GinkgoHelper()
	var answer string
	Eventually(ctx, func(g Gomega) {
		output, err := run(ctx, "kubectl", "--namespace="+namespace, "exec", "client", "--",
			"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command="+sql)
		g.Expect(err).NotTo(HaveOccurred(), output)
		answer = strings.TrimSpace(output)
	}).Should(Succeed())
	return answer
}

// recordingAt is an At whose run writes its name into the table runs, and then takes its time. It tries until the
// server takes it: the server may be starting anew.
func recordingAt(db *databasev1.Database, name string, due time.Time, takes time.Duration) *cnatv1alpha1.At {
	insert := `until psql --quiet --command="INSERT INTO runs VALUES ('` + name + `')"; do sleep 0.5; done; sleep ` + strconv.FormatFloat(takes.Seconds(), 'f', 0, 64)
	return &cnatv1alpha1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: db.Namespace, Name: name},
		Spec: cnatv1.AtSpec{
			Schedule: &metav1.Time{Time: due},
			Run:      runv1.Run{Containers: []corev1.Container{psql(db, insert)}},
		},
	}
}

// dropFinalizers lets go of the custom resources of a CRD that is about to be removed without an operator.
func dropFinalizers(ctx SpecContext, crd apiextensionsv1.CustomResourceDefinition) {
	GinkgoHelper()
	objects := &unstructured.UnstructuredList{}
	objects.SetGroupVersionKind(schema.GroupVersionKind{
		Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name, Kind: crd.Spec.Names.ListKind,
	})
	Expect(k8s.List(ctx, objects)).To(Succeed())
	for _, object := range objects.Items {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		Expect(client.IgnoreNotFound(k8s.Patch(ctx, &object, patch))).To(Succeed())
	}
}
