package v1

import (
	"k8s.io/apimachinery/pkg/api/resource"
)

// DatabaseStorage is the volume that holds the data.
//
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="spec.storage.storageClassName can't be changed, since a volume stays in its class: set it back, or make a new Database"
// +kubebuilder:validation:MinProperties=1
type DatabaseStorage struct {
	// size is how much the volume holds, as a Kubernetes quantity of bytes, of 256Mi or more. The default is 1Gi.
	// It can grow, and can't shrink: a smaller size is refused by the API server. Where the storage class does not let
	// volumes grow, the condition Stalled says so, and the server goes on with the size it has.
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('256Mi')) >= 0",message="spec.storage.size must be a quantity of 256Mi or more: for example 1Gi"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="spec.storage.size can't shrink, since a volume can't: set it to the old size or more"
	// +default="1Gi"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Size",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the class of the volume. Without it the cluster's default class is used. It can't be set,
	// changed or removed later. A class that is not there leaves the volume unbound, and the Database is Stalled with
	// the scheduler's message.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Storage Class Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:StorageClass","urn:alm:descriptor:com.tectonic.ui:advanced"}
	StorageClassName string `json:"storageClassName,omitempty"`
}

// DeletionPolicy says what becomes of the data when a Database is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

const (
	// DeletionRetain keeps the volume claim and the Secret that the operator made.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionDelete removes them.
	DeletionDelete DeletionPolicy = "Delete"
)
