package bundle

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/runner"
	"sigs.k8s.io/crdify/pkg/validations"
)

// OLM v1 asks crdify whether an upgrade of a CRD is safe, with these settings.
// A rule that is added is no business of crdify's: whether objects of before
// still pass is what the API server tests ask.
func TestCRDsAreSafeToUpgradeTo(t *testing.T) {
	checks, err := runner.New(&config.Config{
		Conversion:           config.ConversionPolicyIgnore,
		UnhandledEnforcement: config.EnforcementPolicyNone,
		Validations:          []config.ValidationConfig{{Name: "description", Enforcement: config.EnforcementPolicyNone}},
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
		for _, err := range result.Errors {
			t.Errorf("%s: %s: %s", where, result.Name, err)
		}
	}
}
