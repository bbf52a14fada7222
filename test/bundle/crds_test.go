package bundle

import (
	"reflect"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/runner"
	"sigs.k8s.io/crdify/pkg/validations"
)

// newRules are properties whose CEL rules changed, which crdify can't judge, and so OLM v1 refuses unless its check is
// turned off for this upgrade (docs/admin-guide.md). A rule belongs here only if every object of before passes it, or is
// refused only when the field that breaks it is changed: the API server checks what an update leaves as it is no more.
var newRules = map[string]string{
	"ats.cnat.programming-kubernetes.info v1alpha1 ^":                 "once an At is over, only its time to live can be changed: no edit could have an effect",
	"ats.cnat.programming-kubernetes.info v1alpha1 ^.spec":            "the rule is the old one, and its message says create, not make",
	"ats.cnat.programming-kubernetes.info v1alpha1 ^.spec.containers": "a container that is to run again is refused; an At that has one stays as it is",
	"ats.cnat.programming-kubernetes.info v1alpha1 ^.spec.template":   "likewise, and metadata other than labels and annotations, which were pruned before",
	"ats.cnat.programming-kubernetes.info v1alpha1 ^.status":          "what the operator wrote as the run stays: it never wrote another",
	"databases.example.com v1 ^":                                      "the rules for sizes and classes of volumes are here now, since they read the status; they refuse less",
	"databases.example.com v1 ^.spec.storage":                         "the rules are those of the whole object now",
	"databases.example.com v1 ^.spec.backup.storage":                  "the rules are those of the whole object now",
	"databases.example.com v1 ^.spec.parameters":                      "a setting that one server alone can't run with is refused; a Database that has one keeps it",
	"databases.example.com v1 ^.spec.passwordSecretRef.name":          "a name that no Secret can have is refused",
	"databases.example.com v1 ^.status.credentials.name":              "likewise; the operator wrote only names of Secrets",
	"databases.example.com v1 ^.spec.tls.secretName":                  "a name that no Secret can have is refused",
}

// newDefaults are properties that have a default now, which crdify takes for a change of what a stored object means, and so
// OLM v1 refuses likewise. The status of an object that the operator has seen has its own.
var newDefaults = map[string]string{
	"ats.cnat.programming-kubernetes.info v1alpha1 ^.status": "until the operator has seen the At, kstatus takes it to be in progress",
	"databases.example.com v1 ^.status":                      "likewise",
}

// The two versions of an At differ by their names alone, so that the API server converts without a webhook. One is stored,
// and neither warns its clients.
func TestVersionsOfAtAreOneSchema(t *testing.T) {
	const name = "ats.cnat.programming-kubernetes.info"
	crds := load(t, folder).V1CRDs
	i := slices.IndexFunc(crds, func(crd *apiextensionsv1.CustomResourceDefinition) bool { return crd.Name == name })
	if i < 0 || len(crds[i].Spec.Versions) != 2 {
		t.Fatalf("want %s with two versions", name)
	}
	if conversion := crds[i].Spec.Conversion; conversion != nil && conversion.Strategy != apiextensionsv1.NoneConverter {
		t.Errorf("the conversion is %+v", conversion)
	}
	for _, version := range crds[i].Spec.Versions {
		if !version.Served || version.Deprecated || version.Storage != (version.Name == "v1") {
			t.Errorf("%s: served %t, stored %t, deprecated %t", version.Name, version.Served, version.Storage, version.Deprecated)
		}
	}
	a, b := crds[i].Spec.Versions[0], crds[i].Spec.Versions[1]
	for part, equal := range map[string]bool{
		"schemas":           reflect.DeepEqual(a.Schema, b.Schema),
		"columns":           reflect.DeepEqual(a.AdditionalPrinterColumns, b.AdditionalPrinterColumns),
		"subresources":      reflect.DeepEqual(a.Subresources, b.Subresources) && a.Subresources.Status != nil,
		"selectable fields": reflect.DeepEqual(a.SelectableFields, b.SelectableFields),
	} {
		if !equal {
			t.Errorf("the %s of %s and %s differ", part, a.Name, b.Name)
		}
	}
}

// OLM v1 asks crdify whether an upgrade of a CRD is safe, with these settings.
func TestCRDsAreSafeToUpgradeTo(t *testing.T) {
	checks, err := runner.New(&config.Config{
		Conversion:           config.ConversionPolicyIgnore,
		UnhandledEnforcement: config.EnforcementPolicyError,
		Validations: []config.ValidationConfig{
			{Name: "description", Enforcement: config.EnforcementPolicyNone},
			{Name: "enum", Enforcement: config.EnforcementPolicyError, Configuration: map[string]any{"additionPolicy": "Allow"}},
		},
	}, runner.DefaultRegistry())
	if err != nil {
		t.Fatal(err)
	}
	old := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range load(t, released).V1CRDs {
		old[crd.Name] = crd
	}
	if len(old) == 0 {
		t.Fatal("the released bundle has no CRDs")
	}
	for _, crd := range load(t, folder).V1CRDs {
		before := old[crd.Name]
		delete(old, crd.Name)
		if before == nil {
			continue // a new kind
		}
		for i := range before.Spec.Versions {
			withPatternOfQuantities(before.Spec.Versions[i].Schema.OpenAPIV3Schema)
		}
		results := checks.Run(before, crd)
		report(t, crd.Name, results.CRDValidation)
		for _, versions := range []map[string]map[string][]validations.ComparisonResult{
			results.SameVersionValidation, results.ServedVersionValidation,
		} {
			for version, properties := range versions {
				for property, found := range properties {
					report(t, crd.Name+" "+version+" "+property, found)
				}
			}
		}
	}
	for name := range old {
		t.Errorf("%s is removed: its objects would be deleted", name)
	}
}

// withPatternOfQuantities gives an older CRD the pattern that quantities have now. What it refuses beside the older one
// the operator could not read, so that nobody has it.
func withPatternOfQuantities(schema *apiextensionsv1.JSONSchemaProps) {
	const older = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
	if schema.XIntOrString && schema.Pattern == older {
		schema.Pattern = `^[-+]?([0-9]{1,19}([.][0-9]{0,9})?|[.][0-9]{1,9})([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$`
	}
	if schema.Items != nil {
		withPatternOfQuantities(schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		withPatternOfQuantities(schema.AdditionalProperties.Schema)
	}
	for name, property := range schema.Properties {
		withPatternOfQuantities(&property)
		schema.Properties[name] = property
	}
}

func report(t *testing.T, where string, results []validations.ComparisonResult) {
	t.Helper()
	for _, result := range results {
		if result.Name == "unhandled" && newRules[where] != "" || result.Name == "default" && newDefaults[where] != "" {
			continue
		}
		for _, err := range result.Errors {
			t.Errorf("%s: %s: %s", where, result.Name, err)
		}
	}
}
