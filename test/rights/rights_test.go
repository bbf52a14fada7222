package main

import (
	"slices"
	"strings"
	"testing"
)

const manifests = `
kind: ClusterRole
metadata: {name: manager}
rules:
- {apiGroups: [batch], resources: [jobs], verbs: [create, delete, list, watch]}
- {apiGroups: [example.com], resources: [databases/finalizers], verbs: [update]}
---
kind: ClusterRole
metadata: {name: of-others}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
kind: ClusterRoleBinding
roleRef: {kind: ClusterRole, name: manager}
subjects:
- {kind: ServiceAccount, name: cnat-operator-controller-manager}
`

const auditLog = `{"verb":"create","objectRef":{"apiGroup":"batch","resource":"jobs"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"watch","objectRef":{"apiGroup":"batch","resource":"jobs"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"get","requestURI":"/readyz","annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"list","objectRef":{"resource":"secrets"},"annotations":{"authorization.k8s.io/decision":"forbid"}}
{"verb":"list","objectRef":{"resource":"secrets"},"annotations":{"authorization.k8s.io/decision":"forbid"}}
`

func TestWhatIsUnusedAndWhatIsForbidden(t *testing.T) {
	roles, err := readRoles(strings.NewReader(manifests))
	if err != nil {
		t.Fatal(err)
	}
	used, forbidden, err := readAudit(strings.NewReader(auditLog))
	if err != nil {
		t.Fatal(err)
	}
	if unused := subtract(rightsOf(roles), used); !slices.Equal(unused, []string{"delete jobs.batch"}) {
		t.Errorf("unused: %v", unused)
	}
	if !slices.Equal(forbidden, []string{"list secrets"}) {
		t.Errorf("forbidden: %v", forbidden)
	}
}

func TestManifestsWithoutTheOperatorAreAnError(t *testing.T) {
	if roles, err := readRoles(strings.NewReader("kind: Namespace\n")); err == nil {
		t.Errorf("got %v", roles)
	}
}
