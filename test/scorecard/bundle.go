package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/crdify/pkg/config"
	"sigs.k8s.io/crdify/pkg/runner"
)

// relatedImages: they are exactly the images that the operator is given by its RELATED_IMAGE_ variables, so that a mirror
// of them is enough in a closed network.
func relatedImages(_ context.Context, s *scorecard, _ string) error {
	named := map[string]bool{}
	for _, image := range s.bundle.CSV.Spec.RelatedImages {
		named[image.Image] = true
	}
	used := map[string]bool{}
	for _, container := range s.containers() {
		for _, variable := range container.Env {
			if strings.HasPrefix(variable.Name, "RELATED_IMAGE_") {
				used[variable.Value] = true
			}
		}
	}
	if len(used) == 0 || !maps.Equal(named, used) {
		return fmt.Errorf("relatedImages are %v, the operator's variables name %v",
			slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(used)))
	}
	return nil
}

// operatorIsLimited: the operator's containers can do no more than they must, by what the bundle says.
func operatorIsLimited(_ context.Context, s *scorecard, _ string) error {
	for _, container := range s.containers() {
		security := container.SecurityContext
		switch {
		case security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem:
			return fmt.Errorf("container %s can write to its root folder", container.Name)
		case security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation:
			return fmt.Errorf("container %s can gain privileges", container.Name)
		case security.Capabilities == nil || !slices.Contains(security.Capabilities.Drop, "ALL"):
			return fmt.Errorf("container %s has capabilities", container.Name)
		case container.Resources.Requests.Memory().IsZero() || container.Resources.Limits.Memory().IsZero():
			return fmt.Errorf("container %s has no request of memory or no limit", container.Name)
		}
	}
	return nil
}

func (s *scorecard) containers() []corev1.Container {
	var containers []corev1.Container
	for _, deployment := range s.bundle.CSV.Spec.InstallStrategy.StrategySpec.DeploymentSpecs {
		containers = append(containers, deployment.Spec.Template.Spec.Containers...)
	}
	return containers
}

// crdsUpgradeSafe: what is stored by the version before can be read by this one, as OLM v1 asks crdify.
func crdsUpgradeSafe(_ context.Context, s *scorecard, _ string) error {
	checks, err := runner.New(&config.Config{
		Conversion:           config.ConversionPolicyIgnore,
		UnhandledEnforcement: config.EnforcementPolicyNone,
		Validations:          []config.ValidationConfig{{Name: "description", Enforcement: config.EnforcementPolicyNone}},
	}, runner.DefaultRegistry())
	if err != nil {
		return fmt.Errorf("setting crdify up: %w", err)
	}
	now := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range s.bundle.V1CRDs {
		now[crd.Name] = crd
	}
	for _, before := range s.released.V1CRDs {
		if now[before.Name] == nil {
			return fmt.Errorf("CRD %s is deleted", before.Name)
		}
		if results := checks.Run(withDefaultOfStatus(before, now[before.Name]), now[before.Name]); results.HasFailures() {
			said, err := results.RenderYAML()
			return errors.Join(fmt.Errorf("CRD %s is not safe to upgrade to: %s", before.Name, said), err)
		}
	}
	return nil
}

// withDefaultOfStatus is an older CRD with the default that the newer one's status has. It says of an object that the
// operator has not seen that it has not; all others have a status of their own.
func withDefaultOfStatus(before, now *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	before = before.DeepCopy()
	for i := range before.Spec.Versions {
		for _, version := range now.Spec.Versions {
			if version.Name != before.Spec.Versions[i].Name {
				continue
			}
			properties := before.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties
			status := properties["status"]
			status.Default = version.Schema.OpenAPIV3Schema.Properties["status"].Default
			properties["status"] = status
		}
	}
	return before
}
