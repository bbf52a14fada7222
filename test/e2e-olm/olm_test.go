package e2eolm

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	operatorsv1 "github.com/operator-framework/api/pkg/operators/v1"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	packageName = "cnat-operator"
	catalogName = "cnat-operator-catalog"
	// olmNamespace is OLM's own: a catalog there is for all namespaces.
	olmNamespace = "olm"

	ownLabel = "example.com/e2e-olm"
)

// serveCatalog creates a catalog for all namespaces.
func serveCatalog(ctx SpecContext, name, image string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &v1alpha1.CatalogSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: olmNamespace, Name: name, Labels: map[string]string{ownLabel: ""}},
		Spec: v1alpha1.CatalogSourceSpec{
			SourceType:    v1alpha1.SourceTypeGrpc,
			Image:         image,
			DisplayName:   "cnat-operator",
			GrpcPodConfig: &v1alpha1.GrpcPodConfig{SecurityContextConfig: v1alpha1.Restricted},
		},
	})).To(Succeed())
}

func awaitCatalog(ctx SpecContext, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		catalog := &v1alpha1.CatalogSource{}
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: olmNamespace, Name: name}, catalog)).To(Succeed())
		g.Expect(catalog.Status.GRPCConnectionState).NotTo(BeNil())
		g.Expect(catalog.Status.GRPCConnectionState.LastObservedState).To(Equal("READY"))
	}).Should(Succeed())
}

func makeNamespace(ctx SpecContext, name string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{ownLabel: ""}}})).To(Succeed())
}

// watchOver creates an OperatorGroup; without targets it is for all namespaces.
func watchOver(ctx SpecContext, namespace, name string, targets ...string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &operatorsv1.OperatorGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       operatorsv1.OperatorGroupSpec{TargetNamespaces: targets},
	})).To(Succeed())
}

// subscribe asks for a version, or for the channel's newest where it is empty.
func subscribe(ctx SpecContext, namespace, catalog string, approval v1alpha1.Approval, version string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &v1alpha1.Subscription{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: packageName},
		Spec: &v1alpha1.SubscriptionSpec{
			CatalogSource: catalog, CatalogSourceNamespace: olmNamespace,
			Package: packageName, Channel: "stable", InstallPlanApproval: approval, StartingCSV: version,
		},
	})).To(Succeed())
}

// awaitPlan waits for the install plan that brings a version, until OLM asks for its approval, and gives it. One that is
// approved before OLM has written its first status makes that write fail: OLM then creates a second plan, and leaves the
// first.
func awaitPlan(ctx SpecContext, namespace, version string) *v1alpha1.InstallPlan {
	GinkgoHelper()
	var found v1alpha1.InstallPlan
	Eventually(ctx, func(g Gomega) {
		plans := &v1alpha1.InstallPlanList{}
		g.Expect(k8s.List(ctx, plans, client.InNamespace(namespace))).To(Succeed())
		i := slices.IndexFunc(plans.Items, func(plan v1alpha1.InstallPlan) bool {
			return slices.Contains(plan.Spec.ClusterServiceVersionNames, version) &&
				plan.Status.Phase == v1alpha1.InstallPlanPhaseRequiresApproval
		})
		g.Expect(i).NotTo(Equal(-1), "no install plan for %s requires approval", version)
		found = plans.Items[i]
	}).Should(Succeed())
	return &found
}

// approve is what a user does with a plan that waits for it.
func approve(ctx SpecContext, plan *v1alpha1.InstallPlan) {
	GinkgoHelper()
	Expect(plan.Spec.Approval).To(Equal(v1alpha1.ApprovalManual))
	Expect(plan.Spec.Approved).To(BeFalse())
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"approved":true}}`))
	Expect(k8s.Patch(ctx, plan, patch)).To(Succeed())
}

// awaitInstalled waits until a version is installed.
func awaitInstalled(ctx SpecContext, namespace, version string) {
	GinkgoHelper()
	Eventually(ctx, func() v1alpha1.ClusterServiceVersionPhase { return phaseOf(ctx, namespace, version) }).
		Should(Equal(v1alpha1.CSVPhaseSucceeded))
}

// phaseOf is how far the installation of a version is; empty where it has not begun.
func phaseOf(ctx SpecContext, namespace, version string) v1alpha1.ClusterServiceVersionPhase {
	GinkgoHelper()
	csv := &v1alpha1.ClusterServiceVersion{}
	Expect(client.IgnoreNotFound(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: version}, csv))).To(Succeed())
	return csv.Status.Phase
}

// uninstall removes what OLM's documentation says: the subscription, and the version that it installed.
func uninstall(ctx SpecContext, namespace string) {
	GinkgoHelper()
	for _, list := range []client.Object{&v1alpha1.Subscription{}, &v1alpha1.ClusterServiceVersion{}} {
		Expect(k8s.DeleteAllOf(ctx, list, client.InNamespace(namespace))).To(Succeed())
	}
	Eventually(ctx, func(g Gomega) {
		pods := &corev1.PodList{}
		g.Expect(k8s.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{"control-plane": "controller-manager"})).To(Succeed())
		g.Expect(pods.Items).To(BeEmpty())
	}).Should(Succeed())
}

// kinds are the project's, in the order in which they are deleted, and crdNames their CRDs.
var (
	kinds    = []client.Object{&crontabv1.CronTab{}, &cnatv1alpha1.At{}, &databasev1.Database{}}
	crdNames = []string{"crontabs.stable.example.com", "ats.cnat.programming-kubernetes.info", "databases.example.com"}
)

// removeAll removes what these tests make, also what a run that was broken off has left. The custom resources go first,
// while there may be an operator to take them down.
func removeAll(ctx SpecContext) {
	GinkgoHelper()
	thaw(ctx)
	namespaces := &corev1.NamespaceList{}
	Expect(k8s.List(ctx, namespaces, client.HasLabels{ownLabel})).To(Succeed())
	for _, namespace := range namespaces.Items {
		for _, kind := range kinds {
			err := k8s.DeleteAllOf(ctx, kind, client.InNamespace(namespace.Name))
			Expect(client.IgnoreNotFound(err)).To(Or(Succeed(), Satisfy(meta.IsNoMatchError)))
		}
	}
	Expect(k8s.DeleteAllOf(ctx, &v1alpha1.CatalogSource{}, client.InNamespace(olmNamespace), client.HasLabels{ownLabel})).To(Succeed())
	for _, namespace := range namespaces.Items {
		uninstall(ctx, namespace.Name)
	}
	// With the CRDs go custom resources that no operator takes down any more, whose finalizers are removed before.
	removeCRDs(ctx)
	for _, namespace := range namespaces.Items {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, &namespace))).To(Succeed())
	}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.List(ctx, namespaces, client.HasLabels{ownLabel})).To(Succeed())
		g.Expect(namespaces.Items).To(BeEmpty())
	}).Should(Succeed())
}

func removeCRDs(ctx SpecContext) {
	GinkgoHelper()
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	Expect(k8s.List(ctx, crds)).To(Succeed())
	for _, crd := range crds.Items {
		if !slices.Contains(crdNames, crd.Name) {
			continue
		}
		dropFinalizers(ctx, crd)
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, &crd))).To(Succeed())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(&crd), &crd) }).Should(Satisfy(apierrors.IsNotFound))
	}
}
