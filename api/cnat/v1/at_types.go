package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	runv1 "example.com/cnat-operator/api/run/v1"
)

// AtSpec says what to run, and when.
//
// +kubebuilder:validation:MinProperties=2
// +kubebuilder:validation:XValidation:rule="[has(self.containers), has(self.command), has(self.template)].exists_one(set, set)",message="exactly one of containers, command and template must be set: say what to run in one of them"
// +kubebuilder:validation:XValidation:rule="has(self.schedule) != has(self.after)",message="exactly one of schedule and after must be set: say when to run in one of them"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?cancel.orValue(false) || self.?cancel.orValue(false)",message="cancel can't be taken back: create a new At"
type AtSpec struct {
	// schedule is the time to run at: an RFC 3339 date-time with a zone, like
	// 2027-07-03T02:00:00Z or 2027-07-03T04:00:00+02:00. It may be in the past:
	// the At then runs at once. It can be changed until the run has started.
	//
	// The rule parses the time as the operator does, so that a stored At can
	// always be read.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=""
	// +kubebuilder:validation:XValidation:rule="timestamp(self) > timestamp('0001-01-01T00:00:00Z')",message="schedule must be an RFC 3339 date-time with a zone, like 2027-07-03T02:00:00Z or 2027-07-03T04:00:00+02:00"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Schedule",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Schedule *metav1.Time `json:"schedule,omitempty"`

	// after is, in place of schedule, how long after the At's creation to run:
	// a duration like 90s or 1h30m, more than zero. It can be changed until the
	// run has started.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="after must be a duration of more than zero, like 90s or 1h30m"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="After",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	After *metav1.Duration `json:"after,omitempty"`

	// suspend keeps the run from starting while it is true. When it is taken
	// back after the run was due, the run starts at once, unless its starting
	// deadline has passed. It has no effect on a run that has started.
	// Default: false.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Suspend",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:booleanSwitch"}
	Suspend *bool `json:"suspend,omitempty"`

	// cancel ends the run: one that has not started never will, one that runs is
	// stopped gracefully. It can be set until the At is over, and not be taken
	// back. An At that is created with it, as by a backup tool, never runs.
	// Default: false.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Cancel",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:booleanSwitch"}
	Cancel *bool `json:"cancel,omitempty"`

	// startingDeadlineSeconds is how late the run may start, in seconds from
	// the time that it is due. If it could not be started by then, as when the
	// operator was down, it is Missed, and never runs. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3153600000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Starting Deadline Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	StartingDeadlineSeconds int64 `json:"startingDeadlineSeconds,omitempty"`

	// replicas is how many pods the run has, side by side. Each knows its number,
	// from 0, by the environment variable JOB_COMPLETION_INDEX. The run succeeds
	// when all of them do; when one fails, the others are stopped. It can be
	// changed until the run has started. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Replicas",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podCount","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Replicas int32 `json:"replicas,omitempty"`

	// ttlSecondsAfterFinished is how long the At is kept once it is over, in
	// seconds. Then it is deleted, with its Job and pods. It can be changed at
	// any time. Default: it is kept, unless the operator runs with --default-ttl.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="TTL Seconds After Finished",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	runv1.Run `json:",inline"`
}

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
// +kubebuilder:storageversion
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
	Spec AtSpec `json:"spec,omitzero"`

	// status is what the operator has seen of the run.
	// +optional
	// +default={"observedGeneration":-1}
	Status AtStatus `json:"status,omitempty,omitzero"`
}

// DueTime is when the run is due.
func (a *At) DueTime() metav1.Time {
	if a.Spec.Schedule != nil {
		return *a.Spec.Schedule
	}
	if a.Spec.After != nil {
		return metav1.NewTime(a.CreationTimestamp.Add(a.Spec.After.Duration))
	}
	return a.CreationTimestamp // the API server lets no At in without either
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
