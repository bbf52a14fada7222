// Package v1alpha1 has the types of the agenda, an aggregated API of what runs when. It is computed, never stored.
//
// +kubebuilder:object:generate=true
// +kubebuilder:skip
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
	scheme.AddKnownTypes(GroupVersion, &Run{}, &RunList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Run is one coming run of an At, a CronTab or a CronJob. It is read-only.
//
// +kubebuilder:object:root=true
type Run struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what runs, and when.
	Spec RunSpec `json:"spec"`
}

// RunSpec is what runs, and when.
type RunSpec struct {
	// When is the time that the run starts at.
	When metav1.Time `json:"when"`
	// Kind is that of the object that the run is of: At, CronTab or CronJob.
	Kind string `json:"kind"`
	// Name is the name of that object, which is in the run's namespace.
	Name string `json:"name"`
	// Zone is the time zone of the schedule. Empty for an At, whose time is an instant.
	Zone string `json:"zone,omitempty"`
	// Note says what a change of clocks has to do with the run.
	Note string `json:"note,omitempty"`
	// LastResult is how the last run ended. Empty where there was none or it is not known.
	LastResult string `json:"lastResult,omitempty"`
	// LastSeconds is how long the last run took, in seconds. 0 where that is not known.
	LastSeconds int64 `json:"lastSeconds,omitempty"`
}

// RunList is a list of runs, sorted by time.
//
// +kubebuilder:object:root=true
type RunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the runs.
	Items []Run `json:"items"`
}
