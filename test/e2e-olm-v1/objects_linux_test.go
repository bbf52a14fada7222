package e2eolmv1

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/manifests"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// generated stands for a name that OLM chooses.
const generated = "*"

// compareObjects compares what OLM v1 applies with what OLM v0 creates of the same bundle, with an OperatorGroup for all
// namespaces: the bundle's objects, the Deployment, its account, and the rights of that, all as ClusterRoles.
func compareObjects(objects []*unstructured.Unstructured) {
	GinkgoHelper()
	bundle, err := manifests.GetBundleFromDir(filepath.Join(root, "bundle"))
	Expect(err).NotTo(HaveOccurred())
	var want []string
	for _, object := range bundle.Objects {
		if object.GetKind() != "ClusterServiceVersion" {
			want = append(want, object.GetKind()+"/"+object.GetName())
		}
	}
	strategy := bundle.CSV.Spec.InstallStrategy.StrategySpec
	for _, deployment := range strategy.DeploymentSpecs {
		want = append(want, "Deployment/"+deployment.Name, "ServiceAccount/"+deployment.Spec.Template.Spec.ServiceAccountName)
	}
	var rights [][]rbacv1.PolicyRule
	for _, permissions := range strategy.Permissions {
		rights = append(rights, append(permissions.Rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list", "watch"},
		}))
	}
	for _, permissions := range strategy.ClusterPermissions {
		rights = append(rights, permissions.Rules)
	}
	for range rights {
		want = append(want, "ClusterRole/"+generated, "ClusterRoleBinding/"+generated)
	}

	var got []string
	var granted [][]rbacv1.PolicyRule
	for _, object := range objects {
		name := object.GetName()
		if strings.HasPrefix(name, packageName+".v") { // the version, cut to what fits, and a digest
			name = generated
			if object.GetKind() == "ClusterRole" {
				role := &rbacv1.ClusterRole{}
				Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, role)).To(Succeed())
				granted = append(granted, role.Rules)
			}
		}
		got = append(got, object.GetKind()+"/"+name)
	}
	Expect(got).To(ConsistOf(want))
	Expect(granted).To(ConsistOf(rights))
	slices.Sort(got)
	report("%d objects: %s", len(got), strings.Join(got, " "))
}

// leaveCRDs creates the CRDs as another way to install has left them.
func leaveCRDs(ctx context.Context) (crds []*unstructured.Unstructured) {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(files).To(HaveLen(3))
	for _, file := range files {
		for _, crd := range readManifests(file) {
			Expect(create(ctx, crd)).To(Succeed())
			crds = append(crds, crd)
		}
	}
	return crds
}
