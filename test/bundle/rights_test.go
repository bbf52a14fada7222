package bundle

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func TestNoRuleHasAWildcard(t *testing.T) {
	strategy := load(t, folder).CSV.Spec.InstallStrategy.StrategySpec
	for _, permissions := range slices.Concat(strategy.Permissions, strategy.ClusterPermissions) {
		for _, rule := range permissions.Rules {
			for _, what := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs) {
				if what == "*" {
					t.Errorf("a wildcard in %v", rule)
				}
			}
			if slices.Contains(rule.Verbs, "escalate") || slices.Contains(rule.Verbs, "bind") || slices.Contains(rule.Verbs, "impersonate") {
				t.Errorf("a right to get more rights: %v", rule)
			}
		}
	}
}

// OLM grants `permissions` only in the namespaces that the operator watches,
// and `clusterPermissions` everywhere. So there are only those to what is in no
// namespace.
func TestOnlyWhatIsInNoNamespaceIsGrantedEverywhere(t *testing.T) {
	clusterScoped := []string{
		"storageclasses", "tokenreviews", "subjectaccessreviews", "customresourcedefinitions", "customresourcedefinitions/status",
	}
	strategy := load(t, folder).CSV.Spec.InstallStrategy.StrategySpec
	resources := func(rules []rbacv1.PolicyRule) (all []string) {
		for _, rule := range rules {
			all = append(all, rule.Resources...)
		}
		return all
	}
	if len(strategy.Permissions) != 1 || len(strategy.ClusterPermissions) != 1 {
		t.Fatalf("want the permissions of one service account: %v", strategy)
	}
	for _, resource := range resources(strategy.ClusterPermissions[0].Rules) {
		if !slices.Contains(clusterScoped, resource) {
			t.Errorf("the right to %s is granted in all namespaces, even with an OperatorGroup of one", resource)
		}
	}
	everywhere := resources(strategy.Permissions[0].Rules)
	for _, resource := range clusterScoped {
		if slices.Contains(everywhere, resource) {
			t.Errorf("the right to %s has no effect in a namespace: give its marker a roleName", resource)
		}
	}
	if !slices.Contains(everywhere, "secrets") {
		t.Error("the operator reads Secrets, but no rule says so")
	}
}
