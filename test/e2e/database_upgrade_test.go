package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	chartDir = "../../helm-charts/database"

	// newerChart is the version of the chart that the operator is given.
	newerChart = "99.0.0"
	// newerMark is an annotation that this chart puts on the server's pod.
	newerMark = "example.com/e2e-chart"
)

// newChart makes a ConfigMap of the chart's files as a newer version of it, and the volume that has them in folders again.
func newChart() (*corev1ac.ConfigMapApplyConfiguration, *corev1ac.VolumeApplyConfiguration) {
	GinkgoHelper()
	edits := map[string][2]string{
		"Chart.yaml": {`(?m)^version: .*$`, "version: " + newerChart},
		"templates/statefulset.yaml": {
			`(?m)^( +)kubectl\.kubernetes\.io/default-container: .*$`, "$0\n${1}" + newerMark + ": newer",
		},
	}
	files := map[string]string{}
	source := corev1ac.ConfigMapVolumeSource().WithName("e2e-chart")
	Expect(fs.WalkDir(os.DirFS(chartDir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path.Join(chartDir, name))
		if edit, found := edits[name]; found {
			edited := regexp.MustCompile(edit[0]).ReplaceAll(text, []byte(edit[1]))
			Expect(string(edited)).NotTo(Equal(string(text)), name)
			text = edited
		}
		// A key has no slashes.
		key := fmt.Sprintf("file-%d", len(files))
		files[key] = string(text)
		source.WithItems(corev1ac.KeyToPath().WithKey(key).WithPath(path.Join("database", name)))
		return err
	})).To(Succeed())
	return corev1ac.ConfigMap("e2e-chart", operatorNamespace).WithData(files),
		corev1ac.Volume().WithName("e2e-chart").WithConfigMap(source)
}

// setOperatorCharts puts a volume in the place of the image's charts, or takes it away, and waits until the operator runs
// so. It applies nothing but that: an apply without it takes away what the one before brought, and nobody else's.
func setOperatorCharts(ctx SpecContext, volume *corev1ac.VolumeApplyConfiguration) {
	GinkgoHelper()
	deployment := appsv1ac.Deployment("cnat-operator-manager", operatorNamespace)
	if volume != nil {
		mount := corev1ac.VolumeMount().WithName(*volume.Name).WithMountPath("/helm-charts").WithReadOnly(true)
		deployment.WithSpec(appsv1ac.DeploymentSpec().WithTemplate(corev1ac.PodTemplateSpec().WithSpec(corev1ac.PodSpec().
			WithVolumes(volume).
			WithContainers(corev1ac.Container().WithName("manager").WithVolumeMounts(mount)))))
	}
	applied, err := clientset.AppsV1().Deployments(operatorNamespace).Apply(ctx, deployment, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
	Expect(err).NotTo(HaveOccurred())
	output, err := kubectl(ctx, operatorNamespace, "rollout", "status", "deployment/"+applied.Name, "--timeout=180s")
	Expect(err).NotTo(HaveOccurred(), output)
	Eventually(ctx, func() []corev1.Pod { return operatorPods(ctx) }).Should(HaveLen(int(*applied.Spec.Replicas)), "the pods of before are to go")
}

// awaitChart waits until a Database is of a chart, and ready, with the mark that this chart puts on the pod.
func awaitChart(ctx SpecContext, db *databasev1.Database, version, mark string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(db), db)).To(Succeed())
		g.Expect(db.Status.Release.ChartVersion).To(Equal(version), "%+v", db.Status.Conditions)
		g.Expect(db.Status.Release.Status).To(Equal("deployed"))
		pod := &corev1.Pod{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database-0"}, pod)).To(Succeed())
		g.Expect(pod.Annotations[newerMark]).To(Equal(mark))
	}).WithTimeout(2 * patience).Should(Succeed()) // other Databases may have their turn before
	*db = *awaitDatabase(ctx, db.Namespace, db.Name, databasev1.ConditionReady, "")
}

var _ = Describe("A newer chart", func() {
	It("comes to a Database with its rows, and goes again with its operator", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, databaseManifest("upgraded", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "upgraded", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) n")
		before := db.Status.Release
		Expect(before.ChartVersion).NotTo(Equal(newerChart))

		chart, volume := newChart()
		configMaps := clientset.CoreV1().ConfigMaps(operatorNamespace)
		_, err := configMaps.Apply(ctx, chart, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(configMaps.Delete(ctx, *chart.Name, metav1.DeleteOptions{})).To(Succeed())
		})
		// The last cleanup is the first to run, and runs however this ends. Where all went well it changes nothing.
		DeferCleanup(func(ctx SpecContext) { setOperatorCharts(ctx, nil) })
		expectOperatorWell(ctx) // these pods go, and with them what they can report
		setOperatorCharts(ctx, volume)
		awaitChart(ctx, db, newerChart, "newer")
		Expect(db.Status.Release.Revision).To(Equal(before.Revision + 1))
		Eventually(ctx, func() []string { return eventsOf(ctx, db) }).Should(ContainElement("Upgraded"))
		Expect(query(ctx, db, "ask", "SELECT count(*), sum(n) FROM kept")).To(Equal("1000|500500"))

		By("going back to the operator of before")
		expectOperatorWell(ctx)
		setOperatorCharts(ctx, nil)
		awaitChart(ctx, db, before.ChartVersion, "")
		Expect(query(ctx, db, "ask-again", "SELECT count(*), sum(n) FROM kept")).To(Equal("1000|500500"))
	})
})
