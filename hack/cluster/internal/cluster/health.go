package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/api"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// conditions are what makes a cluster, in the order in which they come about.
func conditions(client *api.Client) []condition {
	healthy := func(component, url string) condition {
		return condition{
			what: component + " to be healthy", done: component + " is healthy", limit: time.Minute, component: component,
			holds: func(ctx context.Context) error { return client.Healthy(ctx, url) },
		}
	}
	available := func(deployment, done string) condition {
		return condition{
			what: "deployment " + deployment + " to be available", done: done, limit: 2 * time.Minute, component: "kubelet",
			holds: func(ctx context.Context) error { return deploymentAvailable(ctx, client, deployment) },
		}
	}
	https := func(port int, path string) string { return "https://" + spec.Address(port) + path }
	return []condition{
		healthy("kube-controller-manager", https(spec.ControllerManagerPort, "/healthz")),
		healthy("kube-scheduler", https(spec.SchedulerPort, "/healthz")),
		healthy("kube-proxy", "http://"+spec.Address(spec.ProxyHealthPort)+"/livez"),
		healthy("kubelet", https(spec.KubeletPort, "/healthz")),
		{
			what: "the node to be Ready", done: "the node is Ready", limit: time.Minute, component: "kubelet",
			holds: func(ctx context.Context) error { return nodeReady(ctx, client) },
		},
		available("coredns", "DNS works"),
		available("provisioner", "volumes are provisioned"),
	}
}

// registryServes and apiServerReady come before all other conditions: the images
// and the manifests wait for them.
func registryServes(client *api.Client) condition {
	return condition{
		what: "the image registry to answer", done: "the image registry serves " + spec.Registry, limit: 30 * time.Second, component: "registry",
		holds: func(ctx context.Context) error { return client.Healthy(ctx, "https://"+spec.Registry+"/v2/") },
	}
}

func apiServerReady(client *api.Client) condition {
	return condition{
		what: "the API server to be ready", done: "the API server is ready", limit: 2 * time.Minute, component: "kube-apiserver",
		holds: func(ctx context.Context) error { return client.Healthy(ctx, spec.APIServer+"/readyz") },
	}
}

type statusCondition struct {
	Type, Status, Reason, Message string
}

func nodeReady(ctx context.Context, client *api.Client) error {
	var object struct {
		Status struct{ Conditions []statusCondition }
	}
	if err := client.Get(ctx, spec.APIServer+"/api/v1/nodes/"+spec.NodeName, &object); err != nil {
		return err
	}
	return conditionTrue(object.Status.Conditions, "Ready")
}

func deploymentAvailable(ctx context.Context, client *api.Client, name string) error {
	var object struct {
		Status struct{ Conditions []statusCondition }
	}
	if err := client.Get(ctx, spec.APIServer+"/apis/apps/v1/namespaces/kube-system/deployments/"+name, &object); err != nil {
		return err
	}
	return conditionTrue(object.Status.Conditions, "Available")
}

func conditionTrue(conditions []statusCondition, kind string) error {
	for _, c := range conditions {
		if c.Type != kind {
			continue
		}
		if c.Status == "True" {
			return nil
		}
		return fmt.Errorf("%s: %s", c.Reason, c.Message)
	}
	return errors.New("it has no condition " + kind + " yet")
}
