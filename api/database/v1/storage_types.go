package v1

import (
	"k8s.io/apimachinery/pkg/api/resource"
)

// AnnotationLostData on a Database says what its server begins with after the volume claim with the data was deleted. Its
// value is one of these words, a colon, and status.storage.claimUID, so that it holds for that one loss only:
// "empty" begins with an empty database, "latest" or the file name of a dump with what spec.backup kept, and "use" with
// what is on the volume claim that is there now.
const AnnotationLostData = "example.com/lost-data"

// DatabaseStorage is the volume that holds the data.
//
// +kubebuilder:validation:MinProperties=1
type DatabaseStorage struct {
	// size is how much the volume holds, as a Kubernetes quantity of bytes, of 256Mi or more. The default is 1Gi.
	// It can grow, and be changed back to what the volume has (status.storage.size); less is rejected by the API server. Where
	// the storage class does not let volumes grow, the condition Stalled says so until it is changed back, and the server goes
	// on with the size that it has.
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('[eE][-+]?[0-9]{3}') && isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('256Mi')) >= 0",message="spec.storage.size must be a quantity of 256Mi or more: for example 1Gi"
	// +default="1Gi"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Size",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the class of the volume. Without it the cluster's default class is used. It can't be set,
	// changed or removed later, except to the class that the volume has (status.storage.storageClassName): a Database that
	// reuses a volume of another class keeps that, and is Stalled until the field says so. A class that is not there leaves the volume unbound, and the Database is Stalled with
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

// StorageStatus describes a volume claim as the operator last saw it.
//
// +kubebuilder:validation:MinProperties=1
type StorageStatus struct {
	// claimUID is metadata.uid of the volume claim that the server was last ready with. A claim that is not there any
	// more, or has another UID, makes the Database Stalled until the annotation example.com/lost-data says what to begin
	// with.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="UID of the volume claim",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ClaimUID string `json:"claimUID,omitempty"`

	// phase is the volume claim's: Pending, Bound or Lost.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Phase of the volume claim",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Phase string `json:"phase,omitempty"`

	// size is how much the volume has, as a Kubernetes quantity of bytes. It is what spec.storage.size can be changed back to.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Size of the volume",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the storage class that the volume claim has.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Storage class of the volume",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	StorageClassName string `json:"storageClassName,omitempty"`
}
