package v1

// DatabaseMonitoring says how the server's metrics are had.
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
}
