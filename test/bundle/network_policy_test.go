package bundle

import (
	"maps"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The NetworkPolicy is for the operator's pods, leaves the kubelet's probes and authorised scrapers in, and every way out.
func TestNetworkPolicyIsSafe(t *testing.T) {
	deployment, policy := &appsv1.Deployment{}, &networkingv1.NetworkPolicy{}
	readYAML(t, "config/manager/manager.yaml", deployment)
	readYAML(t, "config/network-policy/manager.yaml", policy)
	pod := deployment.Spec.Template
	for key, value := range policy.Spec.PodSelector.MatchLabels {
		if pod.Labels[key] != value {
			t.Errorf("the policy selects %s=%s, which the pods have not", key, value)
		}
	}
	if !maps.Equal(policy.Spec.PodSelector.MatchLabels, deployment.Spec.Selector.MatchLabels) {
		t.Errorf("the policy selects %v, the Deployment %v", policy.Spec.PodSelector.MatchLabels, deployment.Spec.Selector.MatchLabels)
	}
	if len(policy.Spec.PolicyTypes) != 1 || policy.Spec.PolicyTypes[0] != networkingv1.PolicyTypeIngress {
		t.Errorf("the policy is about %v: without egress the operator reaches no API server", policy.Spec.PolicyTypes)
	}
	from := map[intstr.IntOrString]int{} // by port, how many sources are let in; 0: all
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			from[*port.Port] = len(rule.From)
		}
	}
	probes := map[intstr.IntOrString]bool{}
	container := pod.Spec.Containers[0]
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
		probes[probe.HTTPGet.Port] = true
	}
	for _, port := range container.Ports {
		sources, there := from[intstr.FromString(port.Name)]
		if !there || probes[intstr.FromString(port.Name)] && sources != 0 {
			t.Errorf("port %s: %v, from %d sources", port.Name, there, sources)
		}
	}
	if len(from) != len(container.Ports) {
		t.Errorf("ports %v, of the pod %v", from, container.Ports)
	}
}
