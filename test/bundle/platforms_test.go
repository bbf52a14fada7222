package bundle

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The architectures that the CSV's labels promise are those that a release builds images for, and that pods may be placed on.
func TestArchitecturesAreThoseOfTheImage(t *testing.T) {
	csv := load(t, folder).CSV
	var promised []string
	for label := range csv.Labels {
		if architecture, found := strings.CutPrefix(label, "operatorframework.io/arch."); found {
			promised = append(promised, architecture)
		}
	}
	slices.Sort(promised)
	release, err := os.ReadFile("../../hack/release")
	if err != nil {
		t.Fatal(err)
	}
	_, platforms, _ := strings.Cut(string(release), "\nhack/images ")
	platforms, _, _ = strings.Cut(platforms, "\n")
	if want := "linux/" + strings.Join(promised, ",linux/"); platforms != want || len(promised) < 2 {
		t.Errorf("the CSV promises %s, a release is for %s", want, platforms)
	}
	affinity := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec.Template.Spec.Affinity
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, expression := range term.MatchExpressions {
			if expression.Key == "kubernetes.io/arch" && !slices.Equal(expression.Values, promised) {
				t.Errorf("pods are placed on %v, promised are %v", expression.Values, promised)
			}
		}
	}
}
