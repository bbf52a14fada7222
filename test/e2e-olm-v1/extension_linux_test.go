package e2eolmv1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const operatorNamespace = "cnat-operator-system"

var _ = Describe("From the ClusterCatalog to the upgrade", Ordered, func() {
	It("serves the catalog by catalogd's API", serveCatalog)

	It("installs "+oldestVersion+", and goes from there to "+version+" in one step", func(ctx SpecContext) {
		createExtension(ctx, oldestVersion)
		first := resolve(ctx, "")
		Expect(first.Bundle).To(Equal(bundle(oldestVersion)))
		Expect(first.Refused).To(BeEmpty())
		Expect(apply(ctx, first)).To(Succeed())

		patch(ctx, `{"spec":{"source":{"catalog":{"version":null}}}}`)
		next := resolve(ctx, oldestVersion)
		Expect(next.Bundle).To(Equal(bundle(version)))
		expectRefusal(next)
	})

	It("goes to "+beforeVersion+" where a range keeps it there, and reports that it is deprecated", func(ctx SpecContext) {
		patch(ctx, `{"spec":{"source":{"catalog":{"version":"0.2.x"}},"install":{"preflight":{"crdUpgradeSafety":{"enforcement":"None"}}}}}`)
		next := resolve(ctx, oldestVersion)
		Expect(next.Bundle).To(Equal(bundle(beforeVersion)))
		Expect(apply(ctx, next)).To(Succeed())
		stays := resolve(ctx, beforeVersion)
		Expect(stays.Bundle).To(Equal(bundle(beforeVersion)))
		Expect(stays.Deprecations).To(ConsistOf(ContainSubstring("pgrade to " + version)))
	})

	It("upgrades to "+version+" once the check of CRDs is off, which refuses their new rules", func(ctx SpecContext) {
		patch(ctx, `{"spec":{"source":{"catalog":{"version":null}},"install":null}}`)
		refused := resolve(ctx, beforeVersion)
		Expect(refused.Bundle).To(Equal(bundle(version)))
		expectRefusal(refused)

		patch(ctx, `{"spec":{"install":{"preflight":{"crdUpgradeSafety":{"enforcement":"None"}}}}}`)
		next := resolve(ctx, beforeVersion)
		Expect(next.Refused).To(BeEmpty())
		Expect(apply(ctx, next)).To(Succeed())

		patch(ctx, `{"spec":{"install":null}}`)
		installed := resolve(ctx, version)
		Expect(installed.Bundle).To(Equal(bundle(version)))
		Expect(installed.Refused).To(BeEmpty(), "the check is on again")
		Expect(installed.Deprecations).To(BeEmpty())
		compareObjects(installed.Objects)
	})

	It("watches all namespaces", func(ctx SpecContext) {
		manager := &appsv1.Deployment{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: "cnat-operator-manager"}, manager)).To(Succeed())
		Expect(manager.Spec.Template.Annotations).To(HaveKeyWithValue("olm.targetNamespaces", ""), "WATCH_NAMESPACE comes from it")
		chosen := readExtension()
		chosen.SetName("another")
		Expect(unstructured.SetNestedField(chosen.Object, operatorNamespace, "spec", "config", "inline", "watchNamespace")).To(Succeed())
		Expect(create(ctx, chosen)).To(MatchError(ContainSubstring(`unknown field "spec.config"`)), "it is in an API that is off by default")
	})

	It("takes over CRDs that others have left, once they are marked as Helm's", func(ctx SpecContext) {
		Expect(helm(ctx, "uninstall", packageName, "--wait")).To(Succeed())
		crds := leaveCRDs(ctx)
		next := resolve(ctx, "")
		Expect(next.Refused).To(BeEmpty())
		Expect(apply(ctx, next)).To(MatchError(ContainSubstring("cannot be imported into the current release")))
		for _, crd := range crds {
			// As docs/olm-v1.md says.
			marks := `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"},"annotations":{
				"meta.helm.sh/release-name":"cnat-operator","meta.helm.sh/release-namespace":"cnat-operator-system"}}}`
			Expect(k8s.Patch(ctx, crd, client.RawPatch("application/merge-patch+json", []byte(marks)))).To(Succeed())
		}
		Expect(apply(ctx, next)).To(Succeed())
	})
})

// outcome is what bin/olm-v1/extension prints.
type outcome struct {
	Bundle, Version, Image string
	Deprecations           []string
	Objects                []*unstructured.Unstructured
	Refused                string
}

// resolve is what OLM makes of the ClusterExtension while a version is installed, or none.
func resolve(ctx context.Context, installed string) outcome {
	GinkgoHelper()
	args := []string{"-certificates=" + certs, "-folder=" + GinkgoT().TempDir()}
	if installed != "" {
		args = append(args, "-installed="+bundle(installed), "-installed-version="+installed)
	}
	command := exec.CommandContext(ctx, absolute(root, "bin", "olm-v1", "extension"), append(args, packageName)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "CONTAINERS_REGISTRIES_CONF="+registries, "TMPDIR="+GinkgoT().TempDir())
	output, err := outputOf(command)
	Expect(err).NotTo(HaveOccurred())
	var found outcome
	Expect(json.Unmarshal(output, &found)).To(Succeed())
	return found
}

// expectRefusal expects that the CRDs of the bundle may not be applied, and why.
func expectRefusal(found outcome) {
	GinkgoHelper()
	Expect(found.Refused).To(ContainSubstring(`validating upgrade for CRD "ats.cnat.programming-kubernetes.info"`))
	lines := strings.Split(found.Refused, "\n")
	report("%s is refused for %d reasons, as: %.160s", found.Bundle, len(lines), lines[0])
}

// apply applies the objects by Helm, as operator-controller does: from files of a chart, so that nothing in them is a template.
func apply(ctx context.Context, found outcome) error {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	write := func(path, content string) {
		GinkgoHelper()
		Expect(os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(folder, path), []byte(content), 0o600)).To(Succeed())
	}
	write("Chart.yaml", "apiVersion: v2\nname: "+packageName+"\nversion: "+found.Version+"\n")
	for i, object := range found.Objects {
		content, err := json.Marshal(object)
		Expect(err).NotTo(HaveOccurred())
		name := fmt.Sprintf("%d.json", i)
		write("files/"+name, string(content))
		write("templates/"+name, `{{ .Files.Get "files/`+name+`" }}`)
	}
	return helm(ctx, "upgrade", "--install", packageName, folder)
}

func helm(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, absolute(root, "bin", "helm"), append(args, "--namespace="+operatorNamespace, "--kubeconfig="+kubeconfig)...)
	_, err := outputOf(command)
	return err
}

// outputOf is what a program prints; its messages are part of the error.
func outputOf(command *exec.Cmd) ([]byte, error) {
	output, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("%s: %w: %s", command, err, failed.Stderr)
	}
	return output, err
}

func readExtension() *unstructured.Unstructured {
	GinkgoHelper()
	for _, object := range readManifests(manifest) {
		if object.GetKind() == "ClusterExtension" {
			return object
		}
	}
	Fail("there is no ClusterExtension in " + manifest)
	return nil
}

// createExtension creates the ClusterExtension of the manifest, for a version.
func createExtension(ctx context.Context, version string) {
	GinkgoHelper()
	extension := readExtension()
	Expect(unstructured.SetNestedField(extension.Object, version, "spec", "source", "catalog", "version")).To(Succeed())
	Expect(create(ctx, extension)).To(Succeed())
}

func patch(ctx context.Context, merge string) {
	GinkgoHelper()
	Expect(k8s.Patch(ctx, newObject("ClusterExtension", packageName), client.RawPatch("application/merge-patch+json", []byte(merge)))).To(Succeed())
}

func newObject(kind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "olm.operatorframework.io", Version: "v1", Kind: kind})
	object.SetName(name)
	return object
}

// conditionOf is a condition of an object; empty where there is none.
func conditionOf(object *unstructured.Unstructured, kind string) *metav1.Condition {
	GinkgoHelper()
	content, err := json.Marshal(object.Object["status"])
	Expect(err).NotTo(HaveOccurred())
	var status struct{ Conditions []metav1.Condition }
	Expect(json.Unmarshal(content, &status)).To(Succeed())
	if found := meta.FindStatusCondition(status.Conditions, kind); found != nil {
		return found
	}
	return &metav1.Condition{}
}
