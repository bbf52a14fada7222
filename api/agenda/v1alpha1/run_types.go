package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Run is one coming run of an At, a CronTab or a CronJob. It is read-only, and computed for each request.
//
// +kubebuilder:object:root=true
type Run struct {
	metav1.TypeMeta `json:",inline"`

	// metadata has the run's name, which is unique in its namespace and stays the same: kind, name and the Unix time.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what runs, and when.
	// +required
	Spec RunSpec `json:"spec"`
}

// RunSpec is what runs, and when.
type RunSpec struct {
	// when is the time that the run starts at.
	// +required
	When metav1.Time `json:"when"`

	// kind is that of the object that the run is of: At, CronTab or CronJob.
	// +required
	Kind string `json:"kind"`

	// name is the name of that object, which is in the run's namespace.
	// +required
	Name string `json:"name"`

	// zone is the time zone of the schedule. It is empty for an At, whose time is an instant.
	// +optional
	Zone string `json:"zone,omitempty"`

	// note says what a change of clocks has to do with the run.
	// +optional
	Note string `json:"note,omitempty"`

	// lastResult is how the object's last run ended. It is empty where there was none, or where that is not known.
	// +optional
	LastResult string `json:"lastResult,omitempty"`

	// lastSeconds is how long the object's last run took, in seconds. It is 0 where that is not known.
	// +optional
	LastSeconds int64 `json:"lastSeconds,omitempty"`
}

// RunList is a list of runs, sorted by time.
//
// +kubebuilder:object:root=true
type RunList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata has the token by which the list is continued.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the runs.
	// +required
	Items []Run `json:"items"`
}
