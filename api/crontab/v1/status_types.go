package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CronTabStatus is what the operator has seen of a CronTab's runs.
//
// +kubebuilder:validation:MinProperties=1
type CronTabStatus struct {
	// conditions are Ready, Stalled and Suspended.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Conditions",xDescriptors={"urn:alm:descriptor:io.kubernetes.conditions"}
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the status is about; -1 until the operator has seen the
	// CronTab.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Observed Generation",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // never 0: -1, or a generation

	// nextScheduleTime is when the next run is due, in UTC. It is not set where there is none.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Next Schedule Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	NextScheduleTime *metav1.Time `json:"nextScheduleTime,omitempty"`

	// lastScheduleTime is when the last run that was started was due.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Schedule Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastScheduleTime *metav1.Time `json:"lastScheduleTime,omitempty"`

	// lastSuccessfulTime is when the last run that succeeded ended.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Successful Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastSuccessfulTime *metav1.Time `json:"lastSuccessfulTime,omitempty"`

	// active are the names of the Ats whose runs have started and are not over.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=253
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Active",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Active []string `json:"active,omitempty"`

	// missedRuns is how many times came without a run: it could not be started in time or before the CronTab was
	// suspended, or concurrencyPolicy forbade it.
	// Of times that passed while the operator was down, at most 10,000 are counted.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Missed Runs",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	MissedRuns *int64 `json:"missedRuns,omitempty"`

	// replicas is how many pods the active runs have together.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Replicas",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podCount"}
	Replicas *int32 `json:"replicas,omitempty"`

	// selector selects the pods of the runs, for the scale subresource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Selector",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Selector string `json:"selector,omitempty"`

	// next is the At that is the next run, once it was created. Only that one, of this UID, is ever released.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Next Run",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Next *ScheduledRun `json:"next,omitempty,omitzero"` //nolint:kubeapilinter // nil says that there is none

	// requested is the At of a run that was asked for by annotation, until it has started.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Requested Run",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Requested *RequestedRun `json:"requested,omitempty,omitzero"` //nolint:kubeapilinter // nil says that there is none

	// lastRequest is the value of the annotation stable.example.com/run-requested-at that was taken up last.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Request",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	LastRequest string `json:"lastRequest,omitempty"`

	// settledTime is up to when every scheduled time is settled: it has run, was skipped or missed, and never runs again.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Settled Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	SettledTime *metav1.Time `json:"settledTime,omitempty"`

	// observedSchedule identifies the schedule that settledTime is about: with another one, times count from the edit on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Observed Schedule",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ObservedSchedule string `json:"observedSchedule,omitempty"`
}

// ScheduledRun is an At that was created for a scheduled time.
type ScheduledRun struct {
	// scheduledTime is the time by the cron expression.
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Scheduled Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`
	// name of the At.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Name",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Name string `json:"name,omitempty"`
	// uid of the At.
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="UID",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	UID types.UID `json:"uid,omitempty"` //nolint:kubeapilinter // the marker for a least length takes no external type
}

// RequestedRun is an At that was created for a request.
type RequestedRun struct {
	// request is the annotation's value, or the start of a long one.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Request",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Request string `json:"request,omitempty"`
	// name of the At.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Name",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Name string `json:"name,omitempty"`
	// uid of the At.
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="UID",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	UID types.UID `json:"uid,omitempty"` //nolint:kubeapilinter // the marker for a least length takes no external type
}
