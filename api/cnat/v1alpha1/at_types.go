package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AtPhase is where an At is in its life. It only moves forward:
// Pending, Running, then Succeeded or Failed, which are final.
//
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Failed
type AtPhase string

const (
	// AtPending means that no container has started: the At is not due yet, or
	// its pod is being scheduled or its image pulled.
	AtPending AtPhase = "Pending"
	// AtRunning means that a container has started.
	AtRunning AtPhase = "Running"
	// AtSucceeded means that all containers ended with exit code 0.
	AtSucceeded AtPhase = "Succeeded"
	// AtFailed means that the run ended otherwise. It is not tried again.
	AtFailed AtPhase = "Failed"
)

// Condition types of an At. As for a Job, Complete or Failed says that it is over.
const (
	// ConditionComplete is True once the run has succeeded.
	ConditionComplete = "Complete"
	// ConditionFailed is True once the run has failed.
	ConditionFailed = "Failed"
	// ConditionStalled is True while the run is held up by something that a
	// person must mend. The run goes on by itself after that.
	ConditionStalled = "Stalled"
)

// Reasons of an At's conditions.
const (
	// ReasonScheduled: the At waits for its time.
	ReasonScheduled = "Scheduled"
	// ReasonRunning: the At's Job exists and has not finished.
	ReasonRunning = "Running"
	// ReasonSucceeded: all containers ended with exit code 0.
	ReasonSucceeded = "Succeeded"
	// ReasonContainerFailed: a container ended with another exit code than 0.
	ReasonContainerFailed = "ContainerFailed"
	// ReasonJobFailed: the Job failed, and no container's exit code tells why,
	// as when its pod was deleted.
	ReasonJobFailed = "JobFailed"
	// ReasonJobDeleted: the Job was deleted before it finished. The At does not
	// run again, since the containers may have run already.
	ReasonJobDeleted = "JobDeleted"
	// ReasonJobRefused: the API server refused the Job; the message has its words.
	ReasonJobRefused = "JobRefused"
	// ReasonNameConflict: an object that is not the At's has the Job's name.
	ReasonNameConflict = "NameConflict"
	// ReasonPodNotStarting: the kubelet can't start a container, as when its
	// image can't be pulled; the message has its words.
	ReasonPodNotStarting = "PodNotStarting"
	// ReasonPodUnschedulable: no node takes the pod; the message says why.
	ReasonPodUnschedulable = "PodUnschedulable"
)

// AtSpec says what to run, and when.
//
// +kubebuilder:validation:MinProperties=2
// +kubebuilder:validation:XValidation:rule="[has(self.containers), has(self.command), has(self.template)].exists_one(set, set)",message="exactly one of containers, command and template must be set: say what to run in one of them"
type AtSpec struct {
	// schedule is the time to run at: an RFC 3339 date-time with a zone, like
	// 2027-07-03T02:00:00Z or 2027-07-03T04:00:00+02:00. It may be in the past:
	// the At then runs at once. It can be changed until the run has started;
	// later changes have no effect.
	//
	// The rule parses the time as the operator does, so that a stored At can
	// always be read.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=""
	// +kubebuilder:validation:XValidation:rule="timestamp(self) > timestamp('0001-01-01T00:00:00Z')",message="schedule must be an RFC 3339 date-time with a zone, like 2027-07-03T02:00:00Z or 2027-07-03T04:00:00+02:00"
	Schedule metav1.Time `json:"schedule,omitzero"` //nolint:kubeapilinter // the rule refuses the zero time

	// containers to run, side by side in one pod. The run succeeds when all of
	// them end with exit code 0. Later changes than the start have no effect.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, has(c.image) && c.image != '')",message="each container must have an image"
	Containers []corev1.Container `json:"containers,omitempty"`

	// command is a line for the shell: it runs as `sh -c COMMAND` in a small
	// image that the operator's administrator chooses. It is the older form of
	// an At; containers can say more.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Command string `json:"command,omitempty"`

	// template is the pod to run, for what containers can't say: volumes, a
	// service account, node selection, and so on. Its restartPolicy must be
	// Never or unset.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.spec)",message="template must have a spec"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.restartPolicy) || self.spec.restartPolicy == 'Never'",message="template.spec.restartPolicy must be Never or unset: an At runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || (has(self.spec.containers) && size(self.spec.containers) > 0)",message="template.spec.containers must have at least one container"
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}

// AtStatus is what the operator has seen of an At's run.
//
// +kubebuilder:validation:MinProperties=1
type AtStatus struct {
	// conditions are Complete, Failed and Stalled. At most one of Complete and
	// Failed is ever True, and then the At is over.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the status tells of.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is Pending until a container has started, then Running, then
	// Succeeded or Failed.
	// +optional
	Phase AtPhase `json:"phase,omitempty"`

	// scheduledTime is when the run is, or was, due.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`

	// jobName names the Job that is the run. An At has one Job, ever.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	JobName string `json:"jobName,omitempty"`

	// jobUID is the UID of that Job: another one of the same name is not the run.
	// +optional
	JobUID types.UID `json:"jobUID,omitempty"` //nolint:kubeapilinter // the marker for a least length takes no external type

	// startTime is when the first container started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the last container ended, or when the run was
	// found to be over.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// exitCode is 0, or that of the first container, in the order of the spec,
	// that ended with another.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// message says why the run failed, or is held up: the end of the
	// container's termination message or log, or the API server's words.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
}

// At runs containers once, at a given time, "cloud native at". When it is due,
// the operator makes one Job of it. Deleting the At deletes the Job.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=ats,scope=Namespaced,categories=cnat
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.schedule`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Job",type=string,JSONPath=`.status.jobName`
// +kubebuilder:printcolumn:name="Started",type=date,JSONPath=`.status.startTime`
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
	Status AtStatus `json:"status,omitempty,omitzero"`
}

// Finished tells whether the run is over.
func (s *AtStatus) Finished() bool {
	return s.Phase == AtSucceeded || s.Phase == AtFailed
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
