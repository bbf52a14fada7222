package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// AnnotationCancelRequest on an At says when it was asked to be cancelled, and by whom.
const AnnotationCancelRequest = "agenda.cnat.programming-kubernetes.info/cancel-requested-at"

// Request asks for something to be done now with an object: crontabs/run, crontabs/skip, ats/cancel and databases/backup
// take one by POST. It may be empty, and is answered with its status.
//
// +kubebuilder:object:root=true
type Request struct {
	metav1.TypeMeta `json:",inline"`

	// metadata has the object's name and namespace in the answer, and nothing else.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which object is meant.
	// +optional
	Spec RequestSpec `json:"spec,omitempty"`

	// status says what was done. It is set in the answer.
	// +optional
	Status RequestStatus `json:"status,omitempty"`
}

// RequestSpec says which object is meant.
type RequestSpec struct {
	// uid is that of the object which is meant. Where another object has its name by now, nothing is done, and the answer
	// is a conflict. Default: whichever has the name.
	// +optional
	UID types.UID `json:"uid,omitempty"`
}

// RequestStatus says what was done.
type RequestStatus struct {
	// message is for people.
	// +optional
	Message string `json:"message,omitempty"`

	// request is the value of the annotation by which the object, and what comes of it, say when that was asked for and
	// by whom: a time in RFC 3339, " by ", and the name of the user.
	// +optional
	Request string `json:"request,omitempty"`
}
