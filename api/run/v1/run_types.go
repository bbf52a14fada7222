// Package v1 is what Ats and CronTabs have in common: what a run is. It has no kind of its own.
//
// +kubebuilder:object:generate=true
package v1

import corev1 "k8s.io/api/core/v1"

// Run says what to run, and for how long. One of containers, command and template is set, or what else the kind has in
// their place.
type Run struct {
	// pendingDeadlineSeconds is how long the run may wait for its first
	// container to start, in seconds from the start of its Job, which is created
	// before and suspended until then. An init container counts, a sidecar does
	// not. After that, as when its image can't be pulled, it is stopped and has
	// failed. An At's can be changed until it is over. Default: no limit.
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

	// backoffLimit is how often a run that failed is tried again, in a new pod.
	// With more than 0 the containers may run more than once. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Backoff Limit",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	BackoffLimit *int32 `json:"backoffLimit,omitempty"`

	// containers to run, side by side in one pod. The run succeeds when all of
	// them end with exit code 0. None may ask to be restarted: restartPolicy must
	// be Never or unset, and restartPolicyRules unset.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(c, has(c.image) && c.image != '')",message="each container must have an image"
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.?restartPolicy.orValue('Never') == 'Never' && !has(c.restartPolicyRules))",message="a container's restartPolicy must be Never or unset, and restartPolicyRules unset: a run runs once"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Containers",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:containers"}
	Containers []corev1.Container `json:"containers,omitempty"`

	// command is a line for the shell: it runs as `sh -c COMMAND` in a small
	// image that the operator's administrator chooses. The shell gets it as it is
	// written, without Kubernetes' own expansion of $(NAME) and $$. It is the
	// shortest form; containers can say more.
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
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.restartPolicy) || self.spec.restartPolicy == 'Never'",message="template.spec.restartPolicy must be Never or unset: a run runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || (has(self.spec.containers) && size(self.spec.containers) > 0)",message="template.spec.containers must have at least one container"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.containers) || self.spec.containers.all(c, c.?restartPolicy.orValue('Never') == 'Never' && !has(c.restartPolicyRules))",message="the restartPolicy of template.spec.containers must be Never or unset, and restartPolicyRules unset: a run runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.spec) || !has(self.spec.initContainers) || self.spec.initContainers.all(c, c.?restartPolicy.orValue('Never') in ['Never', 'Always'] && !has(c.restartPolicyRules))",message="the restartPolicy of template.spec.initContainers must be Never, unset, or Always for a sidecar, and restartPolicyRules unset: a run runs once"
	// +kubebuilder:validation:XValidation:rule="!has(self.metadata) || !(has(self.metadata.name) || has(self.metadata.generateName) || has(self.metadata.namespace) || has(self.metadata.finalizers) || has(self.metadata.ownerReferences))",message="template.metadata may have labels and annotations only: Kubernetes sets the name, the namespace, the finalizers and the owner of the pod"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Template",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podTemplate","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}
