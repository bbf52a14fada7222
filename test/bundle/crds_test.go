package bundle

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/runner"
	"sigs.k8s.io/crdify/pkg/validations"
)

// newRules are properties that got a CEL rule, which crdify can't judge, and so
// OLM v1 refuses unless its check is turned off for this upgrade
// (docs/admin-guide.md). A rule belongs here only if every object of before
// passes it.
var newRules = map[string]string{
	"databases.example.com v1 ^.spec":          "passwordRotation, which is new itself, goes with neither password nor passwordSecretRef; restoreFrom, also new, is not set later",
	"databases.example.com v1 ^.spec.password": "the rule is the old one, and its refusal no longer shows the password",
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
		results := checks.Run(before, crd)
		report(t, crd.Name, results.CRDValidation)
		for version, properties := range results.SameVersionValidation {
			for property, found := range properties {
				report(t, crd.Name+" "+version+" "+property, found)
			}
		}
	}
	for name := range old {
		t.Errorf("%s is gone: its objects would be, too", name)
	}
}

func report(t *testing.T, where string, results []validations.ComparisonResult) {
	t.Helper()
	for _, result := range results {
		if result.Name == "unhandled" && newRules[where] != "" {
			continue
		}
		for _, err := range result.Errors {
			t.Errorf("%s: %s: %s", where, result.Name, err)
		}
	}
}
