package v1

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
}

// DatabaseTLS says with which certificate the server serves TLS, and to whom.
type DatabaseTLS struct {
	// secretName names a Secret in the Database's namespace as cert-manager makes it: the certificate, with those of
	// intermediate authorities, under tls.crt and its private key, without a passphrase, under tls.key, both in PEM.
	// Clients may find their authority's certificate under ca.crt; the server needs none. It has at most 253 characters.
	// A Secret that is not there, or that has no usable pair, makes the Database Stalled until it is mended.
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
