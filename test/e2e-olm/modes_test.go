package e2eolm

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// A mode is where the operator is, and which namespaces its OperatorGroup names. That of all namespaces is tested from
// the catalog to the removal: two operators may not watch one namespace.
type mode struct {
	name      string
	namespace string
	targets   []string
}

var modes = []mode{
	{"OwnNamespace", "e2e-olm-own", []string{"e2e-olm-own"}},
	{"SingleNamespace", "e2e-olm-single", []string{"e2e-olm-target"}},
	{"MultiNamespace", "e2e-olm-multi", []string{"e2e-olm-target-a", "e2e-olm-target-b"}},
}

// elsewhere is watched by nobody.
const elsewhere = "e2e-olm-elsewhere"

func dueNow(namespace string) *cnatv1alpha1.At {
	at := &cnatv1alpha1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "mode"}}
	at.Spec.Command = "true"
	at.Spec.Schedule = ptr.To(metav1.Now())
	return at
}

// watchTheirTargets installs the operator in the other three modes, side by side, and sees which Ats each runs.
func watchTheirTargets(ctx SpecContext) {
	makeNamespace(ctx, elsewhere)
	for i, mode := range modes {
		makeNamespace(ctx, mode.namespace)
		for _, target := range mode.targets {
			if target != mode.namespace {
				makeNamespace(ctx, target)
			}
		}
		watchOver(ctx, mode.namespace, "targets", mode.targets...)
		subscribe(ctx, mode.namespace, catalogName, v1alpha1.ApprovalAutomatic, "")
		if i == 0 { // it brings the CRDs
			awaitInstalled(ctx, mode.namespace, now)
			Expect(k8s.Create(ctx, dueNow(elsewhere))).To(Succeed())
		}
	}
	for _, mode := range modes {
		awaitInstalled(ctx, mode.namespace, now)
		for _, target := range mode.targets {
			Expect(k8s.Create(ctx, dueNow(target))).To(Succeed())
			awaitPhase(ctx, target, "mode", cnatv1.AtSucceeded)
		}
		report("%s: the Ats in %v ran", mode.name, mode.targets)
	}
	unseen := dueNow(elsewhere)
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(unseen), unseen)).To(Succeed())
	Expect(unseen.Status).To(Equal(cnatv1.AtStatus{ObservedGeneration: -1}), "no operator watches its namespace")
	for _, mode := range modes {
		for _, target := range append(mode.targets, elsewhere) {
			Expect(k8s.DeleteAllOf(ctx, &cnatv1alpha1.At{}, client.InNamespace(target))).To(Succeed())
		}
		uninstall(ctx, mode.namespace)
	}
}
