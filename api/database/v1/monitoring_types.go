package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// DatabaseMonitoring configures the metrics of the server.
type DatabaseMonitoring struct {
	// image is the container image of the exporter: postgres_exporter of the Prometheus community, or another that takes
	// the same environment variables and serves /metrics on port 9187. The default is the operator's own setting. It can
	// be changed, which restarts the server. One that can't be pulled makes the Database Stalled with the kubelet's message.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Exporter Image",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Image string `json:"image,omitempty"`

	// intervalSeconds is how often Prometheus is to fetch the metrics, in seconds, from 1 to 3600; the default is 30. It
	// is for the ServiceMonitor. It can be changed at any time, without a restart.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +default=30
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Interval Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`

	// resources are the CPU and memory requests and limits of the exporter's container. The default is a request of 10
	// millicores and 32 MiB, with limits (200 millicores, 128 MiB) of what spec.resources limits for the server: so a quota
	// that lets the server in lets the exporter in. They can be changed, which restarts the server.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Exporter Resources",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:resourceRequirements","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}
