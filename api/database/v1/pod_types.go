package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// PodOptions are fields of the server's pod, which mean what they mean in any pod. Each can be changed, which restarts
// the server. What the API server refuses in a StatefulSet makes the Database Stalled with its message, and the server that
// runs goes on; what it refuses only in the pod itself, as for a quota, with a message of where to look; and a pod that no
// node takes with the scheduler's.
//
// The pods that make backups run on the same nodes: they have nodeSelector, tolerations, priorityClassName,
// imagePullSecrets, and of the affinity that to nodes. What is said of other pods is about the server's neighbours, not about theirs.
type PodOptions struct {
	// nodeSelector are labels that the node must have, of the server's pod and of those of backups. Without it any node will
	// do. At most 64.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Node Selector",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:selector:core:v1:Node","urn:alm:descriptor:com.tectonic.ui:advanced"}
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// affinity says which nodes, and the neighbourhood of which pods, the scheduler prefers or needs. Without it there is
	// no preference. For the pods of backups only its nodeAffinity holds.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Affinity",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:nodeAffinity","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// tolerations let the pod, and those of backups, run on nodes with taints. Without them they run on nodes without. At
	// most 64.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Tolerations",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// topologySpreadConstraints spread pods over zones or nodes. A Database has one pod: use a selector that takes in those
	// of several Databases, by a label of theirs such as app.kubernetes.io/component: database. They are not for the pods of
	// backups. At most 16.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Topology Spread Constraints",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// priorityClassName names the PriorityClass of the pod, and of those of backups, which says whom it may displace and who
	// may displace it. The default is the cluster's. It has at most 253 characters. With a class that is not there no pod is
	// made.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Priority Class Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:PriorityClass","urn:alm:descriptor:com.tectonic.ui:advanced"}
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// imagePullSecrets name Secrets in the Database's namespace with which the kubelet pulls the images, of the exporter and of
	// backups too. Without them it pulls as the node does. Where none of them is right, the Database is Stalled with the
	// kubelet's message. At most 8.
	// +kubebuilder:validation:XValidation:rule="self.all(s, has(s.name) && s.name != '')",message="spec.imagePullSecrets has an entry without a name: write - name: my-registry"
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Image Pull Secrets",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
}

// EvictionPolicy says whether the server's pod may be evicted, as when a node is drained.
//
// +kubebuilder:validation:Enum=Allowed;Refused
type EvictionPolicy string

const (
	// EvictionsAllowed lets a drain of the node stop the server, which starts again on another node.
	EvictionsAllowed EvictionPolicy = "Allowed"
	// EvictionsRefused lets a drain of the node wait until somebody lets the server go.
	EvictionsRefused EvictionPolicy = "Refused"
)
