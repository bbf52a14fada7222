package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ServerOptions are what the user may ask of the server beside its database.
type ServerOptions struct {
	// parameters are settings of the server, as in postgresql.conf: names in lower case, and values as texts without
	// control characters, for example work_mem: 8MB. Up to 64 settings; a value has at most 1024 characters.
	// They can be changed, which restarts the server. A server that does not take them (a name that it does not know, a
	// value that is wrong, more memory than there is) runs on with those that it had, and the condition Stalled has its
	// own message. Rejected by the API server are settings that the operator needs for itself (addresses, files,
	// authentication, the log's destination and language, archiving and recovery), and those that make a single server hang
	// or unusable (of standbys, default_transaction_read_only, delays of logins).
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)*$'))",message="spec.parameters has a name that is none: write names in lower-case letters, digits and underscores, for example timezone for TimeZone",messageExpression="'spec.parameters has the name ' + self.filter(k, !k.matches('^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)*$'))[0] + ': write names in lower-case letters, digits and underscores, for example timezone for TimeZone'"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k in ['listen_addresses', 'port', 'unix_socket_directories', 'unix_socket_group', 'unix_socket_permissions', 'data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'include', 'include_dir', 'include_if_exists', 'password_encryption', 'scram_iterations', 'oauth_validator_libraries', 'lc_messages', 'db_user_namespace', 'logging_collector', 'log_destination', 'session_preload_libraries', 'local_preload_libraries', 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_crl_dir', 'ssl_crl_file', 'ssl_dh_params_file', 'ssl_key_file', 'ssl_passphrase_command', 'ssl_passphrase_command_supports_reload', 'restore_command'] || k.startsWith('archive_') || k.startsWith('recovery_'))",message="spec.parameters has a setting that the operator needs for itself: remove it",messageExpression="'spec.parameters.' + self.filter(k, k in ['listen_addresses', 'port', 'unix_socket_directories', 'unix_socket_group', 'unix_socket_permissions', 'data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'include', 'include_dir', 'include_if_exists', 'password_encryption', 'scram_iterations', 'oauth_validator_libraries', 'lc_messages', 'db_user_namespace', 'logging_collector', 'log_destination', 'session_preload_libraries', 'local_preload_libraries', 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_crl_dir', 'ssl_crl_file', 'ssl_dh_params_file', 'ssl_key_file', 'ssl_passphrase_command', 'ssl_passphrase_command_supports_reload', 'restore_command'] || k.startsWith('archive_') || k.startsWith('recovery_'))[0] + ' is a setting that the operator needs for itself: remove it'"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k in ['synchronous_standby_names', 'synchronized_standby_slots', 'primary_conninfo', 'primary_slot_name', 'promote_trigger_file', 'sync_replication_slots', 'default_transaction_read_only', 'exit_on_error', 'pre_auth_delay', 'post_auth_delay'])",message="spec.parameters has a setting that makes a single server hang or unusable: remove it",messageExpression="'spec.parameters.' + self.filter(k, k in ['synchronous_standby_names', 'synchronized_standby_slots', 'primary_conninfo', 'primary_slot_name', 'promote_trigger_file', 'sync_replication_slots', 'default_transaction_read_only', 'exit_on_error', 'pre_auth_delay', 'post_auth_delay'])[0] + ' makes a single server, without standbys, hang or unusable: remove it'"
	// +kubebuilder:validation:XValidation:rule="!('shared_preload_libraries' in self) || !self['shared_preload_libraries'].matches('(^|[, \"])/|[.][.]')",message="spec.parameters.shared_preload_libraries has a path: name libraries of the image, for example pg_stat_statements"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !self[k].matches('[[:cntrl:]]'))",message="spec.parameters has a value with a line break or another control character: remove it",messageExpression="'spec.parameters.' + self.filter(k, self[k].matches('[[:cntrl:]]'))[0] + ' has a line break or another control character: remove it'"
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Parameters",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Parameters map[string]ParameterValue `json:"parameters,omitempty"`

	// tls lets clients connect by TLS, with the certificate of a Secret. Without it the server has no TLS. It can be
	// changed, which restarts the server; a certificate that is renewed in the Secret is taken up without a restart.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="TLS",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:tls"}
	TLS DatabaseTLS `json:"tls,omitzero"`

	// allowFrom are peers that the NetworkPolicy lets in to the server, beside the pods of its own namespace, where the
	// cluster enforces policies. Without it there are no others. It can be changed at any time, without a restart. At
	// most 32.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Allow From",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:arrayFieldGroup:allowFrom","urn:alm:descriptor:com.tectonic.ui:advanced"}
	AllowFrom []NetworkPeer `json:"allowFrom,omitempty"` //nolint:kubeapilinter // A NetworkPolicy's peer has no required field either.

	// evictions says what becomes of the server when its node is drained. With Allowed, the default, it is stopped in good
	// order and starts on another node, and is away for that time. With Refused a PodDisruptionBudget makes the drain wait
	// until this is set to Allowed, or the pod is deleted: choose it only in agreement with those who look after the
	// nodes. A pod that is not ready is evicted in any case. It can be changed at any time, without a restart.
	// +default="Allowed"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Evictions",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:Allowed","urn:alm:descriptor:com.tectonic.ui:select:Refused","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Evictions EvictionPolicy `json:"evictions,omitempty"`

	// monitoring adds an exporter beside the server, for Prometheus: an empty object ({}) will do. Without it there is
	// none. It can be added and removed, which restarts the server. Where the API ServiceMonitor of the Prometheus operator
	// is, a ServiceMonitor is made too. It does not go with the user database_exporter, which is the exporter's.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Monitoring",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:monitoring"}
	Monitoring *DatabaseMonitoring `json:"monitoring,omitempty"`

	// service is the Service that clients use. Without it it is of type ClusterIP, which only the cluster reaches. It can be
	// changed at any time, without a restart. Whoever sets it must be allowed to create Services, where the cluster has the
	// operator's admission policy.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Service",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:service"}
	Service DatabaseService `json:"service,omitzero"`

	// podLabels are labels of the server's pod beside the operator's own, for example for a cost report or a policy. They
	// can be changed, which restarts the server. Keys of kubernetes.io, k8s.io and example.com are rejected: others select
	// by them. At most 32.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 253 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.podLabels has an invalid key: write keys as team or acme.com/team"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.matches('(^|[.])(kubernetes[.]io|k8s[.]io|example[.]com)/'))",message="spec.podLabels has a key of kubernetes.io, k8s.io or example.com, by which Kubernetes and the operator select: use one of your own"
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Pod Labels",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PodLabels map[string]LabelValue `json:"podLabels,omitempty"`

	// podAnnotations are annotations of the server's pod beside the operator's own, for example for a service mesh. They can
	// be changed, which restarts the server. Keys of kubernetes.io, k8s.io, helm.sh and example.com, and checksum/config, are
	// rejected: some of them loosen what confines the pod. At most 32.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 253 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.podAnnotations has an invalid key: write keys as team or acme.com/team"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k == 'checksum/config' || k.matches('(^|[.])(kubernetes[.]io|k8s[.]io|helm[.]sh|example[.]com)/'))",message="spec.podAnnotations has a key of kubernetes.io, k8s.io, helm.sh or example.com, or checksum/config, which Kubernetes and the operator act on: use one of your own"
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Pod Annotations",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PodAnnotations map[string]AnnotationValue `json:"podAnnotations,omitempty"`

	PodOptions `json:",inline"`
}

// DatabaseService is the Service that clients use.
//
// +kubebuilder:validation:MinProperties=1
type DatabaseService struct {
	// type is the type of the Service: ClusterIP, the default, NodePort or LoadBalancer. The NetworkPolicy still lets in only
	// the namespace and spec.allowFrom: name there the addresses of clients outside of the cluster.
	// +default="ClusterIP"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Service Type",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:ClusterIP","urn:alm:descriptor:com.tectonic.ui:select:NodePort","urn:alm:descriptor:com.tectonic.ui:select:LoadBalancer"}
	Type ServiceType `json:"type,omitempty"`

	// annotations are annotations of the Service, for example for a load balancer. Keys of helm.sh, kubectl.kubernetes.io
	// and example.com are rejected. At most 32.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 253 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.service.annotations has an invalid key: write keys as team or acme.com/team"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.matches('(^|[.])(helm[.]sh|kubectl[.]kubernetes[.]io|example[.]com)/'))",message="spec.service.annotations has a key of helm.sh, kubectl.kubernetes.io or example.com, which Helm, kubectl and the operator act on: remove it"
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Service Annotations",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// ServiceType is a type of Services.
//
// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
type ServiceType string

// ServiceClusterIP is the type of a Service that only the cluster reaches.
const ServiceClusterIP ServiceType = "ClusterIP"

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
type LabelValue string

// AnnotationValue is the value of an annotation.
//
// +kubebuilder:validation:MaxLength=2048
type AnnotationValue string

// NetworkPeer is one of those who may connect: pods by their labels, or addresses.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.ipBlock) || !has(self.podSelector) && !has(self.namespaceSelector)",message="a peer of spec.allowFrom has ipBlock and a selector: make two peers of them"
type NetworkPeer struct {
	// namespaceSelector selects namespaces by their labels; an empty one selects all. Without it, podSelector is about
	// pods of the Database's own namespace.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Namespace Selector",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:selector:core:v1:Namespace","urn:alm:descriptor:com.tectonic.ui:advanced"}
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// podSelector selects pods by their labels, in the namespaces that are selected; without it, all of them.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Pod Selector",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:selector:core:v1:Pod","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`

	// ipBlock is a range of addresses, and goes with no selector.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="IP Block",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:allowFrom.ipBlock","urn:alm:descriptor:com.tectonic.ui:advanced"}
	IPBlock IPBlock `json:"ipBlock,omitzero"`
}

// IPBlock is a range of addresses.
type IPBlock struct {
	// cidr is the range, for example 10.0.0.0/8 or 2001:db8::/32.
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="ipBlock.cidr is no range of addresses: write it as 10.0.0.0/8 or 2001:db8::/32"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="CIDR",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	CIDR string `json:"cidr,omitempty"`
}

// DatabaseTLS says with which certificate the server serves TLS, and to whom.
type DatabaseTLS struct {
	// secretName names a Secret in the Database's namespace as cert-manager makes it: the certificate, with those of
	// intermediate authorities, under tls.crt and its private key, without a passphrase, under tls.key, both in PEM.
	// Clients may find their authority's certificate under ca.crt; the server needs none. It has at most 253 characters.
	// A Secret that is not there, or that has no usable pair, makes the Database Stalled until it is fixed.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="tls.secretName must be the name of a Secret in the Database's namespace: lower-case letters, digits, '-' and '.'"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Secret Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:Secret"}
	SecretName string `json:"secretName,omitempty"`

	// mode says whether clients have to use TLS: with Required, the default, the server refuses connections without it,
	// with Optional it takes both. PostgreSQL's own clients use TLS by themselves where the server has it.
	// +default="Required"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Mode",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:Required","urn:alm:descriptor:com.tectonic.ui:select:Optional"}
	Mode TLSMode `json:"mode,omitempty"`
}

// TLSMode says whether clients have to use TLS.
//
// +kubebuilder:validation:Enum=Required;Optional
type TLSMode string

const (
	// TLSRequired refuses connections without TLS.
	TLSRequired TLSMode = "Required"
	// TLSOptional takes connections with and without TLS.
	TLSOptional TLSMode = "Optional"
)

// ParameterValue is the value of one setting of the server, as a text.
//
// +kubebuilder:validation:MaxLength=1024
type ParameterValue string
