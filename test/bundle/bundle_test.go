// Package bundle tests what is packaged for OLM: bundle/ by the rules of those
// who take bundles, and catalog/ by what an upgrade needs.
package bundle

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	"github.com/operator-framework/api/pkg/validation"
	validator "github.com/operator-framework/api/pkg/validation/interfaces"
	corev1 "k8s.io/api/core/v1"
)

const (
	folder   = "../../bundle"
	released = "../../released/0.2.0/bundle"
)

func load(t *testing.T, folder string) *manifests.Bundle {
	t.Helper()
	bundle, err := manifests.GetBundleFromDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

// All that operator-framework's validators know, among them those that the
// pipeline of community-operators runs; but that of architectures, which asks a
// container engine (platforms_test.go has the same rules), and deprecated names.
func TestNoValidatorFindsAnything(t *testing.T) { validate(t, folder) }

func validate(t *testing.T, folder string) {
	t.Helper()
	validators := validator.Validators{
		validation.ClusterServiceVersionValidator, validation.CustomResourceDefinitionValidator, validation.BundleValidator,
		validation.OperatorHubV2Validator, validation.StandardCapabilitiesValidator, validation.StandardCategoriesValidator,
		validation.ObjectValidator, validation.CommunityOperatorValidator, validation.AlphaDeprecatedAPIsValidator,
		validation.GoodPracticesValidator,
	}
	bundle := load(t, folder)
	// What operator-sdk takes as --optional-values.
	objects := []any{bundle, bundle.CSV, map[string]string{"k8s-version": kubernetes(t)}}
	for _, crd := range bundle.V1CRDs {
		objects = append(objects, crd)
	}
	for _, object := range bundle.Objects {
		objects = append(objects, object)
	}
	results := validators.Validate(objects...)
	if len(results) < len(validators) {
		t.Errorf("%d validators gave only %d results", len(validators), len(results))
	}
	for _, result := range results {
		for _, found := range slices.Concat(result.Errors, result.Warnings) {
			t.Errorf("%s: %v", result.Name, found)
		}
	}
}

// kubernetes is the newest minor version, whose removed APIs are looked for.
func kubernetes(t *testing.T) string {
	t.Helper()
	module, err := os.ReadFile("../../tools/node/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`k8s\.io/kubernetes v(1\.\d+)\.`).FindSubmatch(module)
	if found == nil {
		t.Fatal("tools/node/go.mod has no Kubernetes")
	}
	return string(found[1])
}

// OLM refuses a bundle with any other kind of object.
func TestOLMTakesEveryKind(t *testing.T) {
	kinds := []string{
		"ClusterServiceVersion", "CustomResourceDefinition", "Secret", "ConfigMap", "Service", "ServiceAccount",
		"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "PodDisruptionBudget", "PriorityClass",
	}
	for _, object := range load(t, folder).Objects {
		if !slices.Contains(kinds, object.GetKind()) {
			t.Errorf("%s %s: OLM takes no such kind, or only where its CRD is", object.GetKind(), object.GetName())
		}
	}
}

// What preflight's check RequiredAnnotations wants, and OperatorHub's page shows.
func TestAnnotationsAreComplete(t *testing.T) {
	csv := load(t, folder).CSV
	boolean := regexp.MustCompile(`^(true|false)$`)
	some := regexp.MustCompile(`.`)
	want := map[string]*regexp.Regexp{
		"categories": some, "description": some, "repository": regexp.MustCompile(`^https://`), "support": some,
		"createdAt":      regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`),
		"containerImage": regexp.MustCompile(`:` + regexp.QuoteMeta(csv.Spec.Version.String()) + `$`),
		"capabilities":   some, "alm-examples": some,
		"operatorframework.io/suggested-namespace": regexp.MustCompile(`^cnat-operator-system$`),
		"olm.skipRange": some,
	}
	for _, feature := range []string{
		"cnf", "cni", "csi", "disconnected", "fips-compliant", "proxy-aware", "tls-profiles", "token-auth-aws", "token-auth-azure", "token-auth-gcp",
	} {
		want["features.operators.openshift.io/"+feature] = boolean
	}
	for name, pattern := range want {
		if !pattern.MatchString(csv.Annotations[name]) {
			t.Errorf("annotation %s is %q, not like %s", name, csv.Annotations[name], pattern)
		}
	}
}

func TestSpecIsComplete(t *testing.T) {
	bundle := load(t, folder)
	csv := bundle.CSV
	if want := "cnat-operator.v" + csv.Spec.Version.String(); csv.Name != want {
		t.Errorf("the name is %s, want %s", csv.Name, want)
	}
	for field, missing := range map[string]bool{
		"displayName": csv.Spec.DisplayName == "", "description": len(csv.Spec.Description) < 500,
		"keywords": len(csv.Spec.Keywords) == 0, "links": len(csv.Spec.Links) == 0, "maintainers": len(csv.Spec.Maintainers) == 0,
		"provider": csv.Spec.Provider.Name == "", "maturity": csv.Spec.Maturity == "", "minKubeVersion": csv.Spec.MinKubeVersion == "",
	} {
		if missing {
			t.Errorf("spec.%s is missing", field)
		}
	}
	if want := []string{"candidate", "fast", "stable"}; !slices.Equal(bundle.Channels, want) || bundle.DefaultChannel != "stable" {
		t.Errorf("channels %v, default %s", bundle.Channels, bundle.DefaultChannel)
	}
	icon, err := os.ReadFile("../../config/manifests/icon.svg")
	if err != nil {
		t.Fatal(err)
	}
	if got := csv.Spec.Icon[0].Data; got != base64.StdEncoding.EncodeToString(icon) {
		t.Error("the icon is not config/manifests/icon.svg: put `base64 -w0 config/manifests/icon.svg` into the base")
	}
	if strings.Contains(string(icon), "\r") {
		t.Error("the icon has other line ends than a clone may give it")
	}
}

// OLM v1 takes a bundle only with AllNamespaces and without dependencies. The
// other modes are for OLM v0.
func TestInstallModes(t *testing.T) {
	csv := load(t, folder).CSV
	supported := map[v1alpha1.InstallModeType]bool{}
	for _, mode := range csv.Spec.InstallModes {
		supported[mode.Type] = mode.Supported
	}
	for _, mode := range []v1alpha1.InstallModeType{
		v1alpha1.InstallModeTypeAllNamespaces, v1alpha1.InstallModeTypeOwnNamespace,
		v1alpha1.InstallModeTypeSingleNamespace, v1alpha1.InstallModeTypeMultiNamespace,
	} {
		if !supported[mode] {
			t.Errorf("%s is not supported", mode)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "metadata", "dependencies.yaml")); !os.IsNotExist(err) {
		t.Errorf("the bundle has dependencies: %v", err)
	}
	if required := csv.Spec.CustomResourceDefinitions.Required; len(required) != 0 {
		t.Errorf("the bundle requires CRDs: %v", required)
	}
	if len(csv.Spec.APIServiceDefinitions.Owned)+len(csv.Spec.APIServiceDefinitions.Required)+len(csv.Spec.WebhookDefinitions) != 0 {
		t.Error("OLM v1 takes no API services and no webhooks of this bundle")
	}
}

// A mirror has exactly what relatedImages lists, beside the operator itself.
func TestRelatedImagesAreThoseThatTheOperatorRuns(t *testing.T) {
	compareImages(t, load(t, folder).CSV)
}

func compareImages(t *testing.T, csv *v1alpha1.ClusterServiceVersion) {
	t.Helper()
	manager := container(t, csv)
	var variables, related []string
	for _, variable := range manager.Env {
		if strings.HasPrefix(variable.Name, "RELATED_IMAGE_") {
			variables = append(variables, variable.Value)
		}
	}
	for _, image := range csv.Spec.RelatedImages {
		related = append(related, image.Image)
	}
	slices.Sort(variables)
	slices.Sort(related)
	if len(variables) == 0 || !slices.Equal(variables, related) {
		t.Errorf("RELATED_IMAGE_* are %v, relatedImages %v", variables, related)
	}
	if csv.Annotations["containerImage"] != manager.Image {
		t.Errorf("containerImage is %s, the operator's image %s", csv.Annotations["containerImage"], manager.Image)
	}
	for _, argument := range manager.Args {
		if strings.Contains(argument, "image") {
			t.Errorf("an image by the argument %s is not in relatedImages", argument)
		}
	}
}

func container(t *testing.T, csv *v1alpha1.ClusterServiceVersion) corev1.Container {
	t.Helper()
	deployments := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs
	if len(deployments) != 1 || len(deployments[0].Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("want one deployment with one container: %v", deployments)
	}
	return deployments[0].Spec.Template.Spec.Containers[0]
}
