package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PasswordRotation is how often a generated password is replaced.
//
// +kubebuilder:validation:MinProperties=1
type PasswordRotation struct {
	// every is the age at which the password is replaced, as a duration of 1h to 87600h (ten years), for example 720h.
	// It can be changed at any time, and counts from the last replacement. Other values are refused.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h') && duration(self) <= duration('87600h')",message="spec.passwordRotation.every must be a duration from 1h to 87600h: for example 720h"
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Every",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Every *metav1.Duration `json:"every,omitempty"`
}

// SecretKeyReference names one key of a Secret in the same namespace.
type SecretKeyReference struct {
	// name is the name of the Secret. It has at most 253 characters. A Secret that is not there makes the Database
	// Stalled until it is.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="passwordSecretRef.name must be the name of a Secret in the Database's namespace: lower-case letters, digits, '-' and '.'"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:Secret"}
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:Secret"}
	Name string `json:"name,omitempty"`

	// key is the key in the Secret. The default is password. A key that is not there makes the Database Stalled until
	// it is.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="passwordSecretRef.key must hold only letters, digits, '-', '_' and '.', as the keys of a Secret do"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +default="password"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Key",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Key",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Key string `json:"key,omitempty"`
}

// SecretReference names a Secret in the same namespace.
type SecretReference struct {
	// name is the name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:Secret"}
	Name string `json:"name,omitempty"`
}
