package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

	// pendingDeadlineSeconds is how long the run may wait for its first
	// container to start, in seconds from the start of its Job, which is created
	// before and suspended until then. An init container counts, a sidecar does
	// not. After that, as when its image can't be pulled, it is stopped and has
	// failed. It can be changed until the At is over. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3153600000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Pending Deadline Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PendingDeadlineSeconds int64 `json:"pendingDeadlineSeconds,omitempty"`

	// activeDeadlineSeconds is how long the run may take, in seconds from the
	// start of its Job. After that it is stopped and has failed. Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Active Deadline Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ActiveDeadlineSeconds int64 `json:"activeDeadlineSeconds,omitempty"`

	// replicas is how many pods the run has, side by side. Each knows its number,
	// from 0, by the environment variable JOB_COMPLETION_INDEX. The run succeeds
	// when all of them do; when one fails, the others are stopped. It can be
	// changed until the run has started. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Replicas",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podCount","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Replicas int32 `json:"replicas,omitempty"`

	// backoffLimit is how often a run that failed is tried again, in a new pod.
	// With more than 0 the containers may run more than once. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Backoff Limit",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	BackoffLimit *int32 `json:"backoffLimit,omitempty"`

	// ttlSecondsAfterFinished is how long the At is kept once it is over, in
	// seconds. Then it is deleted, with its Job and pods. It can be changed at
	// any time. Default: it is kept, unless the operator runs with --default-ttl.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="TTL Seconds After Finished",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// containers to run, side by side in one pod. The run succeeds when all of
	// them end with exit code 0. None may ask to be restarted: restartPolicy must
	// be Never or unset, and restartPolicyRules unset.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, has(c.image) && c.image != '')",message="each container must have an image"
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.?restartPolicy.orValue('Never') == 'Never' && !has(c.restartPolicyRules))",message="a container's restartPolicy must be Never or unset, and restartPolicyRules unset: an At runs once"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Containers",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:containers"}
	Containers []corev1.Container `json:"containers,omitempty"`

	// command is a line for the shell: it runs as `sh -c COMMAND` in a small
	// image that the operator's administrator chooses. The shell gets it as it is
	// written, without Kubernetes' own expansion of $(NAME) and $$. It is the older
	// form of an At; containers can say more.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Command",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Command string `json:"command,omitempty"`

	// template is the pod to run, for what containers can't say: labels and
	// annotations, volumes, a service account, node selection, and so on. Its
	// restartPolicy must be Never or unset, and so must be that of its containers;
	// init containers may have Always, which makes them sidecars. The rest of its
	// metadata is Kubernetes' to set.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.spec)",message="template must have a spec"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.restartPolicy) || self.spec.restartPolicy == 'Never'",message="template.spec.restartPolicy must be Never or unset: an At runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || (has(self.spec.containers) && size(self.spec.containers) > 0)",message="template.spec.containers must have at least one container"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.containers) || self.spec.containers.all(c, c.?restartPolicy.orValue('Never') == 'Never' && !has(c.restartPolicyRules))",message="the restartPolicy of template.spec.containers must be Never or unset, and restartPolicyRules unset: an At runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.initContainers) || self.spec.initContainers.all(c, c.?restartPolicy.orValue('Never') in ['Never', 'Always'] && !has(c.restartPolicyRules))",message="the restartPolicy of template.spec.initContainers must be Never, unset, or Always for a sidecar, and restartPolicyRules unset: an At runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.metadata) || !(has(self.metadata.name) || has(self.metadata.generateName) || has(self.metadata.namespace) || has(self.metadata.finalizers) || has(self.metadata.ownerReferences))",message="template.metadata may have labels and annotations only: Kubernetes sets the name, the namespace, the finalizers and the owner of the pod"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Template",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podTemplate","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
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
