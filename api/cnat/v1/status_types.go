package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AtPhase is where an At is in its life. It only moves forward: Pending,
// Running, then one of the others, which are final.
//
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Failed;Cancelled;Missed
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
	// AtCancelled means that spec.cancel ended the run, or kept it from starting.
	AtCancelled AtPhase = "Cancelled"
	// AtMissed means that the run could not be started by its starting deadline,
	// and never will be.
	AtMissed AtPhase = "Missed"
)

// AtStatus is what the operator has seen of an At's run.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.jobUID) || has(self.jobUID) && self.jobUID == oldSelf.jobUID",message="jobUID can't be changed: an At runs once"
type AtStatus struct {
	// conditions are Complete, Failed, Suspended and Stalled, and Reconciling
	// while the run is in progress. At most one of Complete and Failed is ever
	// True, and then the At is over.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Conditions",xDescriptors={"urn:alm:descriptor:io.kubernetes.conditions"}
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the status is about;
	// -1 until the operator has seen the At.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Observed Generation",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // never 0: -1, or a generation

	// phase is Pending until a container has started, then Running, then one
	// of Succeeded, Failed, Cancelled and Missed.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Phase",xDescriptors={"urn:alm:descriptor:io.kubernetes.phase"}
	Phase AtPhase `json:"phase,omitempty"`

	// scheduledTime is when the run is, or was, due.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Scheduled Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`

	// jobName names the Job that is the run. An At has one Job, ever.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Job Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:Job"}
	JobName string `json:"jobName,omitempty"`

	// jobUID is the UID of that Job: another one of the same name is not the run.
	// It is set once the Job was started, and never changes then.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Job UID",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	JobUID types.UID `json:"jobUID,omitempty"` //nolint:kubeapilinter // the marker for a least length takes no external type

	// preparedJobUID is, while the run is about to start, the UID of the Job that
	// is prepared for it: suspended, and the only one that can be started. It is
	// cleared when the run starts, or once that Job can't be started any more.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Prepared Job UID",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PreparedJobUID types.UID `json:"preparedJobUID,omitempty"` //nolint:kubeapilinter // the marker for a least length takes no external type

	// queue is who starts the Job in the operator's place, if anybody does: a queue
	// of Kueue, or the controller that its managedBy names. The At's own label says
	// so, or the API server's answer to a dry run of the Job, where the namespace
	// has a default. Such a Job is created when the run is due, not before.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Queue",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Queue string `json:"queue,omitempty"`

	// eligibleTime is since when only its time keeps the run from starting, where
	// that is later than the At's creation: when it was last edited or resumed, or
	// was no longer refused. startLatency counts from it if it is later than the
	// scheduled time.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Eligible Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	EligibleTime *metav1.MicroTime `json:"eligibleTime,omitempty"`

	// startTime is when the first container started, init containers included.
	// Sidecars do not count.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Start Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// startLatency is how late the run was started: from the time that it was
	// due, created, last edited, resumed or no longer refused, whichever was
	// last, to the moment when its Job was allowed to run.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Start Latency",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	StartLatency *metav1.Duration `json:"startLatency,omitempty"`

	// completionTime is when the last container ended, or when the run was
	// found to be over.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Completion Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// exitCode is 0 if all containers ended with it, else that of the container
	// that failed first, init containers included. It is not set if no container
	// started, or if Kubernetes does not know it. While the run goes on, it is
	// that of a container whose failure is final already.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Exit Code",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	ExitCode *int32 `json:"exitCode,omitempty"`

	// retries is how often a failed attempt was followed by another one
	// (backoffLimit). It is not set before there is one.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Retries",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Retries *int32 `json:"retries,omitempty"`

	// reason is that of the condition that says most: Complete or Failed when
	// the At is over, else Stalled or Suspended if one of them holds, else what
	// is wrong in a run that goes on, as ContainerFailed or Retrying. Where
	// Kubernetes has a reason of its own, like OOMKilled or Evicted, it is that.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Reason",xDescriptors={"urn:alm:descriptor:io.kubernetes.phase:reason"}
	Reason string `json:"reason,omitempty"`

	// message says why the run failed, or is held up: which container, how it
	// ended, and the end of its termination message or log, or the words of
	// whoever refused it. What is not printable in them is replaced.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Message",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Message string `json:"message,omitempty"`
}

// Finished reports whether the At is over: its phase is final.
func (s *AtStatus) Finished() bool {
	switch s.Phase {
	case AtSucceeded, AtFailed, AtCancelled, AtMissed:
		return true
	default:
		return false
	}
}
