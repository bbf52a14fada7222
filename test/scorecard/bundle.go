package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/operator-framework/api/pkg/manifests"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
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

// crdsUpgradeSafe: what is stored by the version before can be read by this one, and what was right is right.
func crdsUpgradeSafe(_ context.Context, s *scorecard, _ string) error {
	released, err := manifests.GetBundleFromDir(releasedFolder)
	if err != nil {
		return fmt.Errorf("reading the version before: %w", err)
	}
	now := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range s.bundle.V1CRDs {
		now[crd.Name] = crd
	}
	var problems []error
	for _, before := range released.V1CRDs {
		if now[before.Name] == nil {
			problems = append(problems, fmt.Errorf("CRD %s is gone", before.Name))
			continue
		}
		for _, version := range before.Spec.Versions {
			problems = append(problems, versionIsSafe(before.Name, version, now[before.Name].Spec.Versions)...)
		}
	}
	return errors.Join(problems...)
}

func versionIsSafe(crd string, before apiextensionsv1.CustomResourceDefinitionVersion, now []apiextensionsv1.CustomResourceDefinitionVersion) []error {
	for _, version := range now {
		if version.Name == before.Name {
			return compare(crd+" "+version.Name, before.Schema.OpenAPIV3Schema, version.Schema.OpenAPIV3Schema)
		}
	}
	return []error{fmt.Errorf("CRD %s: version %s is gone", crd, before.Name)}
}

// compare gives what of a schema was taken away, newly required, or given another type or default.
func compare(path string, before, now *apiextensionsv1.JSONSchemaProps) []error {
	var problems []error
	if before.Type != now.Type {
		problems = append(problems, fmt.Errorf("%s: the type was %q, and is %q", path, before.Type, now.Type))
	}
	if before.Default != nil && (now.Default == nil || string(before.Default.Raw) != string(now.Default.Raw)) {
		problems = append(problems, fmt.Errorf("%s: the default has changed", path))
	}
	for _, name := range now.Required {
		if _, there := before.Properties[name]; there && !slices.Contains(before.Required, name) {
			problems = append(problems, fmt.Errorf("%s.%s: it was optional, and is required", path, name))
		}
	}
	for name, property := range before.Properties {
		if other, there := now.Properties[name]; there {
			problems = append(problems, compare(path+"."+name, &property, &other)...)
		} else {
			problems = append(problems, fmt.Errorf("%s.%s: it is gone", path, name))
		}
	}
	if before.Items != nil && before.Items.Schema != nil && now.Items != nil && now.Items.Schema != nil {
		problems = append(problems, compare(path+"[]", before.Items.Schema, now.Items.Schema)...)
	}
	return problems
}
