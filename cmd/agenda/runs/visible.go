package runs

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// resources are the kinds that runs are of. Whoever may list them may see their runs.
var resources = map[string]schema.GroupVersionResource{
	"At":      {Group: "cnat.programming-kubernetes.info", Version: "v1", Resource: "ats"},
	"CronTab": {Group: "stable.example.com", Version: "v1", Resource: "crontabs"},
	"CronJob": {Group: "batch", Version: "v1", Resource: "cronjobs"},
}

// visibility answers what a user may see, and asks once for each kind and namespace.
type visibility struct {
	authorize func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error)
	user      user.Info
	answers   map[[2]string]bool
}

// sees says whether the user may list a kind, in all namespaces or in the given one.
func (v *visibility) sees(ctx context.Context, kind, namespace string) (bool, error) {
	everywhere, err := v.ask(ctx, kind, "")
	if err != nil || everywhere {
		return everywhere, err
	}
	return v.ask(ctx, kind, namespace)
}

func (v *visibility) ask(ctx context.Context, kind, namespace string) (bool, error) {
	key := [2]string{kind, namespace}
	if answer, asked := v.answers[key]; asked {
		return answer, nil
	}
	resource, ok := resources[kind]
	if !ok {
		return false, errors.New("no such kind: " + kind)
	}
	decision, _, err := v.authorize(ctx, authorizer.AttributesRecord{
		User: v.user, Verb: "list", Namespace: namespace, ResourceRequest: true,
		APIGroup: resource.Group, APIVersion: resource.Version, Resource: resource.Resource,
	})
	// An error beside a decision to allow is that of another authorizer.
	if err != nil && decision != authorizer.DecisionAllow {
		return false, fmt.Errorf("asking what %q may list: %w", v.user.GetName(), err)
	}
	v.answers[key] = decision == authorizer.DecisionAllow
	return v.answers[key], nil
}
