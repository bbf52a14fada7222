package bundle

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestThePodIsRestrictedAndAvailable(t *testing.T) {
	csv := load(t, folder).CSV
	manager := container(t, csv)
	deployment := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec
	pod := deployment.Template.Spec

	for what, bad := range map[string]bool{
		"has one replica":                  deployment.Replicas == nil || *deployment.Replicas < 2,
		"has no anti-affinity":             pod.Affinity == nil || pod.Affinity.PodAntiAffinity == nil,
		"may run as root":                  pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot,
		"has no seccomp profile":           pod.SecurityContext.SeccompProfile == nil || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault,
		"may write its root":               manager.SecurityContext.ReadOnlyRootFilesystem == nil || !*manager.SecurityContext.ReadOnlyRootFilesystem,
		"may gain privileges":              manager.SecurityContext.AllowPrivilegeEscalation == nil || *manager.SecurityContext.AllowPrivilegeEscalation,
		"keeps capabilities":               !slices.Equal(manager.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}),
		"has no probes":                    manager.LivenessProbe == nil || manager.ReadinessProbe == nil,
		"requests no CPU":                  manager.Resources.Requests.Cpu().IsZero(),
		"requests no memory":               manager.Resources.Requests.Memory().IsZero(),
		"has no limit of its memory":       manager.Resources.Limits.Memory().IsZero(),
		"has a CPU limit, so is throttled": !manager.Resources.Limits.Cpu().IsZero(),
		"does not elect a leader":          !slices.Contains(manager.Args, "--leader-elect"),
	} {
		if bad {
			t.Errorf("the operator's pod %s", what)
		}
	}
}

// The labels of the CSV say what the images are built for, and the affinity
// keeps the operator off other nodes.
func TestPlatformLabelsAgreeWithTheAffinity(t *testing.T) {
	csv := load(t, folder).CSV
	labels := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(csv.Labels)) {
		if key, value, ok := strings.Cut(strings.TrimPrefix(name, "operatorframework.io/"), "."); ok {
			labels["kubernetes.io/"+key] = append(labels["kubernetes.io/"+key], value)
		}
	}
	container(t, csv)
	affinity := csv.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec.Template.Spec.Affinity
	terms := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 || len(terms[0].MatchExpressions) != len(labels) || len(labels) != 2 {
		t.Fatalf("labels %v, affinity %v", labels, terms)
	}
	for _, expression := range terms[0].MatchExpressions {
		if got := labels[expression.Key]; !slices.Equal(got, slices.Sorted(slices.Values(expression.Values))) {
			t.Errorf("%s: the labels have %v, the affinity %v", expression.Key, got, expression.Values)
		}
	}
}

// config/policy/account.yaml confines the account that the operator has: it knows it by its name.
func TestThePolicyKnowsTheAccount(t *testing.T) {
	policy, err := os.ReadFile("../../config/policy/account.yaml")
	if err != nil {
		t.Fatal(err)
	}
	account := load(t, folder).CSV.Spec.InstallStrategy.StrategySpec.DeploymentSpecs[0].Spec.Template.Spec.ServiceAccountName
	if account == "" || !strings.Contains(string(policy), "endsWith(':"+account+"')") {
		t.Errorf("the policy is not about %q", account)
	}
}
