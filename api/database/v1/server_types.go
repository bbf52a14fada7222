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
	// own words. Settings that the operator needs for itself (addresses, files, authentication, the log's destination,
	// archiving and recovery) are refused by the API server.
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)*$'))",message="spec.parameters has a name that is none: write names in lower-case letters, digits and underscores, for example timezone for TimeZone",messageExpression="'spec.parameters has the name ' + self.filter(k, !k.matches('^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)*$'))[0] + ': write names in lower-case letters, digits and underscores, for example timezone for TimeZone'"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k in ['listen_addresses', 'port', 'unix_socket_directories', 'unix_socket_group', 'unix_socket_permissions', 'data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'include', 'include_dir', 'include_if_exists', 'password_encryption', 'db_user_namespace', 'logging_collector', 'log_destination', 'session_preload_libraries', 'local_preload_libraries', 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_crl_dir', 'ssl_crl_file', 'ssl_dh_params_file', 'ssl_key_file', 'ssl_passphrase_command', 'ssl_passphrase_command_supports_reload', 'restore_command', 'primary_conninfo', 'primary_slot_name'] || k.startsWith('archive_') || k.startsWith('recovery_'))",message="spec.parameters has a setting that the operator needs for itself: remove it",messageExpression="'spec.parameters.' + self.filter(k, k in ['listen_addresses', 'port', 'unix_socket_directories', 'unix_socket_group', 'unix_socket_permissions', 'data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'include', 'include_dir', 'include_if_exists', 'password_encryption', 'db_user_namespace', 'logging_collector', 'log_destination', 'session_preload_libraries', 'local_preload_libraries', 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_crl_dir', 'ssl_crl_file', 'ssl_dh_params_file', 'ssl_key_file', 'ssl_passphrase_command', 'ssl_passphrase_command_supports_reload', 'restore_command', 'primary_conninfo', 'primary_slot_name'] || k.startsWith('archive_') || k.startsWith('recovery_'))[0] + ' is a setting that the operator needs for itself: remove it'"
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

	PodOptions `json:",inline"`
}

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
	// A Secret that is not there, or that has no usable pair, makes the Database Stalled until it is mended.
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
