// Package v1alpha1 has the types of the agenda, an aggregated API of what runs when, and of what may be done about it. They
// are computed and answered, never stored.
//
// +kubebuilder:object:generate=true
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=info.programming-kubernetes.cnat.agenda.v1alpha1
// +groupName=agenda.cnat.programming-kubernetes.info
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the agenda's group and version.
var GroupVersion = schema.GroupVersion{Group: "agenda.cnat.programming-kubernetes.info", Version: "v1alpha1"}

// AddToScheme adds the agenda's types to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Run{}, &RunList{}, &Request{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
