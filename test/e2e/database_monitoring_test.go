package e2e

import (
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

var monitorAPI = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}

// provideServiceMonitors makes the API of the Prometheus operator, where the cluster has none.
func provideServiceMonitors(ctx SpecContext) {
	GinkgoHelper()
	manifest, err := os.ReadFile("../monitoring/servicemonitor-crd.yaml")
	Expect(err).NotTo(HaveOccurred())
	crd := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(manifest, &crd.Object)).To(Succeed())
	err = k8s.Create(ctx, crd)
	if apierrors.IsAlreadyExists(err) {
		return
	}
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, crd)).To(Succeed()) })
}

var _ = Describe("Database, monitoring", func() {
	It("serves metrics beside the server, which a ServiceMonitor names", func(ctx SpecContext) {
		provideServiceMonitors(ctx)
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, databaseManifest("watched", `user: wp, monitoring: {}`))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "watched", databasev1.ConditionReady, "")

		By("asking the exporter, through the API server")
		Eventually(ctx, func() (string, error) {
			metrics, err := clientset.CoreV1().Pods(namespace).ProxyGet("http", "watched-database-0", "9187", "/metrics", nil).DoRaw(ctx)
			return string(metrics), err
		}).Should(And(ContainSubstring("\npg_up 1\n"), ContainSubstring(`pg_database_size_bytes{datname="watched"`)))

		monitor := &unstructured.Unstructured{}
		monitor.SetGroupVersionKind(monitorAPI)
		endpoints := func() ([]any, error) {
			if err := k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "watched-database"}, monitor); err != nil {
				return nil, err
			}
			endpoints, _, err := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
			return endpoints, err
		}
		// An API that was not there before is looked for once a minute.
		Eventually(ctx, endpoints).Should(HaveExactElements(HaveKeyWithValue("interval", "30s")))
		patchSpec(ctx, db, `{"monitoring":{"intervalSeconds":15}}`)
		Eventually(ctx, endpoints).Should(HaveExactElements(HaveKeyWithValue("interval", "15s")))

		By("taking all of it away")
		patchSpec(ctx, db, `{"monitoring":null}`)
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(monitor), monitor) }).
			Should(Satisfy(apierrors.IsNotFound))
		Eventually(ctx, func() (string, error) {
			return kubectl(ctx, namespace, "get", "pod", "watched-database-0", "--output=jsonpath={.spec.containers[*].name}")
		}).Should(Equal("postgres"))
		awaitDatabase(ctx, namespace, "watched", databasev1.ConditionReady, "")
	})

	It("takes no server away: a quota that has no room for the exporter", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		quota := &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "small"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceLimitsMemory: resource.MustParse("300Mi")}},
		}
		Expect(k8s.Create(ctx, quota)).To(Succeed())
		Expect(create(ctx, namespace, databaseManifest("small", "user: wp, resources: {limits: {memory: 256Mi}}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "small", databasev1.ConditionReady, "")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "small-database-0"}}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		before := pod.UID
		patchSpec(ctx, db, `{"monitoring":{}}`)
		Expect(stalls(ctx, db, time.Minute, databasev1.ReasonMonitoringFailed)).To(ContainSubstring("exceeded quota: small"))
		Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		Expect(pod.UID).To(Equal(before))

		By("adding it once there is room")
		larger := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"hard":{"limits.memory":"400Mi"}}}`))
		Expect(k8s.Patch(ctx, quota, larger)).To(Succeed())
		Eventually(ctx, func() (string, error) {
			return kubectl(ctx, namespace, "get", "pod", "small-database-0", "--output=jsonpath={.spec.containers[*].name}")
		}).WithTimeout(2 * patience).Should(Equal("postgres exporter"))
		awaitDatabase(ctx, namespace, "small", databasev1.ConditionReady, "")
	})
})
