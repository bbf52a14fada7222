package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/operator-framework/api/pkg/manifests"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/testenv"
)

var card = &scorecard{namespace: "default"}

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(config *rest.Config) (err error) {
		root := filepath.Join("..", "..")
		if card.bundle, err = manifests.GetBundleFromDir(filepath.Join(root, "bundle")); err != nil {
			return err
		}
		if card.released, err = manifests.GetBundleFromDir(filepath.Join(root, "released", "0.2.0", "bundle")); err != nil {
			return err
		}
		card.config = config
		card.k8s, err = client.New(config, client.Options{})
		return err
	}))
}

// What needs no operator passes for the bundle of this repository, as it does in the scorecard's pods.
func TestOnTheBundleOfThisRepository(t *testing.T) {
	for _, name := range []string{"every-kind-example", "crds-upgrade-safe", "related-images", "operator-is-limited"} {
		if err := tests[name](t.Context(), card, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range mistakes {
		if err := isRefused(t.Context(), card, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// And what is wrong is found.
func TestFindsWhatIsWrong(t *testing.T) {
	wrong := &scorecard{bundle: &manifests.Bundle{CSV: card.bundle.CSV.DeepCopy()}, released: card.released}
	wrong.bundle.CSV.Annotations["alm-examples"] = "[]"
	wrong.bundle.CSV.Spec.RelatedImages = nil
	wrong.bundle.CSV.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec.Template.Spec.Containers[0].SecurityContext = nil
	for _, name := range []string{"every-kind-example", "crds-upgrade-safe", "related-images", "operator-is-limited"} {
		if tests[name](t.Context(), wrong, "") == nil {
			t.Errorf("%s finds nothing", name)
		}
	}
}
