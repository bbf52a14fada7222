package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

var _ = Describe("A Database's volume", func() {
	larger := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"storage":{"size":"2Gi"}}}`))

	It("grows in place", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, databaseManifest("grows", "user: app"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "grows", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		Expect(k8s.Patch(ctx, db, larger)).To(Succeed())
		claim := &corev1.PersistentVolumeClaim{}
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "grows-database-data"}, claim)).To(Succeed())
			g.Expect(claim.Status.Capacity.Storage().String()).To(Equal("2Gi"))
		}).Should(Succeed())
		db = awaitDatabase(ctx, namespace, "grows", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT answer FROM kept")).To(Equal("42"))
	})

	It("stays as it is where its class does not let it grow, and the server goes on", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		classes := &storagev1.StorageClassList{}
		Expect(k8s.List(ctx, classes)).To(Succeed())
		Expect(classes.Items).NotTo(BeEmpty())
		fixed := classes.Items[0].DeepCopy()
		fixed.ObjectMeta = metav1.ObjectMeta{Name: namespace}
		fixed.AllowVolumeExpansion = ptr.To(false)
		Expect(k8s.Create(ctx, fixed)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, fixed)).To(Succeed()) })

		Expect(create(ctx, namespace, databaseManifest("stays", "user: app, storage: {storageClassName: "+fixed.Name+"}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "stays", databasev1.ConditionReady, "")
		Expect(k8s.Patch(ctx, db, larger)).To(Succeed())
		db = awaitDatabase(ctx, namespace, "stays", databasev1.ConditionStalled, databasev1.ReasonStorageNotGrown)
		stalled := meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionStalled)
		Expect(stalled.Message).To(ContainSubstring("does not allow volumes to grow"))
		Expect(meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionReady)).To(BeTrue())
	})
})
