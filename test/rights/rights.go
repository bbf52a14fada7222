package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"example.com/cnat-operator/test/audit"
)

// role is a Role or ClusterRole, as far as its rules go.
type role struct {
	Kind     string
	Metadata struct{ Name string }
	Rules    []rbacv1.PolicyRule
}

// right is one verb on one resource.
type right struct {
	group, resource, verb string
}

func (r right) String() string {
	if r.group == "" {
		return r.verb + " " + r.resource
	}
	return fmt.Sprintf("%s %s.%s", r.verb, r.resource, r.group)
}

func rightsOf(roles []role) map[right]bool {
	rights := map[right]bool{}
	for _, role := range roles {
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights[right{group, resource, verb}] = true
					}
				}
			}
		}
	}
	return rights
}

// readAudit reads which rights were used, and which requests were forbidden.
func readAudit(log io.Reader) (used map[right]bool, forbidden []string, err error) {
	used = map[right]bool{}
	refused := map[string]bool{}
	err = audit.Read(log, func(e *audit.Event) {
		switch {
		case e.ObjectRef == nil: // what every user may ask, such as /readyz
		case e.Forbidden():
			refused[rightFor(e).String()] = true
		default:
			used[rightFor(e)] = true
		}
	})
	return used, slices.Sorted(maps.Keys(refused)), err
}

func rightFor(e *audit.Event) right {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	return right{e.ObjectRef.APIGroup, resource, e.Verb}
}

// subtract is what is granted and was not used. An update of finalizers is
// never a request: it is what the API server asks for where an object that is
// made blocks the deletion of its owner (OwnerReferencesPermissionEnforcement).
// A watch that begins with what is there needs no list, but client-go falls
// back to one where the API server can't do that.
func subtract(granted, used map[right]bool) []string {
	var unused []string
	for right := range granted {
		finalizers := strings.HasSuffix(right.resource, "/finalizers")
		watched := right.verb == "list" && used[watchOf(right)]
		if !used[right] && !finalizers && !watched {
			unused = append(unused, right.String())
		}
	}
	slices.Sort(unused)
	return unused
}

func watchOf(r right) right {
	r.verb = "watch"
	return r
}
