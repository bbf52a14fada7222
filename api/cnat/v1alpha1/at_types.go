package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// Among the imports of this package operator-sdk finds the fields of the type that AtSpec inlines, for the bundle.
var _ runv1.Run

// At runs containers once, at a given time, "cloud native at". When it is due,
// the operator creates one Job from it. Deleting the At deletes the Job.
//
// Once the Job exists, what defines the run can't be changed, and once the At is
// over, only its time to live. For containers and template, whose comparison
// costs more than a CRD's rules may, a ValidatingAdmissionPolicy refuses such an
// edit; without it the edit has no effect.
//
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || has(self.spec.schedule) == has(oldSelf.spec.schedule) && (!has(self.spec.schedule) || self.spec.schedule == oldSelf.spec.schedule)",message="spec.schedule can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || has(self.spec.after) == has(oldSelf.spec.after) && (!has(self.spec.after) || self.spec.after == oldSelf.spec.after)",message="spec.after can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || has(self.spec.command) == has(oldSelf.spec.command) && (!has(self.spec.command) || self.spec.command == oldSelf.spec.command)",message="spec.command can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || self.spec.?activeDeadlineSeconds == oldSelf.spec.?activeDeadlineSeconds",message="spec.activeDeadlineSeconds can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || self.spec.?replicas == oldSelf.spec.?replicas",message="spec.replicas can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?jobUID.hasValue() || self.spec.?backoffLimit == oldSelf.spec.?backoffLimit",message="spec.backoffLimit can't be changed once the run has started: create a new At"
// +kubebuilder:validation:XValidation:rule="!(oldSelf.?status.?phase.orValue('Pending') in ['Succeeded', 'Failed', 'Cancelled', 'Missed']) || has(self.spec.schedule) == has(oldSelf.spec.schedule) && (!has(self.spec.schedule) || self.spec.schedule == oldSelf.spec.schedule) && has(self.spec.after) == has(oldSelf.spec.after) && (!has(self.spec.after) || self.spec.after == oldSelf.spec.after) && has(self.spec.command) == has(oldSelf.spec.command) && (!has(self.spec.command) || self.spec.command == oldSelf.spec.command) && self.spec.?suspend == oldSelf.spec.?suspend && self.spec.?cancel == oldSelf.spec.?cancel && self.spec.?startingDeadlineSeconds == oldSelf.spec.?startingDeadlineSeconds && self.spec.?pendingDeadlineSeconds == oldSelf.spec.?pendingDeadlineSeconds && self.spec.?activeDeadlineSeconds == oldSelf.spec.?activeDeadlineSeconds && self.spec.?replicas == oldSelf.spec.?replicas && self.spec.?backoffLimit == oldSelf.spec.?backoffLimit",message="it is over, and of its spec only ttlSecondsAfterFinished can still be changed: create a new At"
// +operator-sdk:csv:customresourcedefinitions:displayName="At",resources={{Job,v1},{Pod,v1}}
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=ats,scope=Namespaced,categories=cnat
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.status.scheduledTime`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.status.jobName`
// +kubebuilder:printcolumn:name="Started",type=date,JSONPath=`.status.startTime`
// +kubebuilder:printcolumn:name="Exit Code",type=integer,priority=1,JSONPath=`.status.exitCode`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type At struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says what to run, and when.
	// +required
	Spec cnatv1.AtSpec `json:"spec,omitzero"`

	// status is what the operator has seen of the run.
	// +optional
	// +default={"observedGeneration":-1}
	Status cnatv1.AtStatus `json:"status,omitempty,omitzero"`
}

// AtList is a list of Ats.
//
// +kubebuilder:object:root=true
type AtList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty,omitzero"`

	// items are the Ats.
	// +required
	Items []At `json:"items"`
}
