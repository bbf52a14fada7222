package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DatabaseStatus is what the operator saw.
//
// +kubebuilder:validation:MinProperties=1
type DatabaseStatus struct {
	// conditions say how the Database is. Ready is True when the server takes a login of the user to the database with
	// the encoding that was asked for. Progressing is True while the operator or the cluster works on it, and says what
	// it waits for. Stalled is True when user action is required, and says which. Each has the generation that it was
	// observed for.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Conditions",xDescriptors={"urn:alm:descriptor:io.kubernetes.conditions"}
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// reason is the condition to look at first, in one word: the reason of Stalled where that is True, else of Progressing
	// where that is True, else of Ready. It is the column Status of kubectl get.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Reason",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Reason string `json:"reason,omitempty"`

	// message is the message of that condition.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Message",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Message string `json:"message,omitempty"`

	// observedGeneration is the newest metadata.generation that the operator has acted on, or of which the condition
	// Stalled says why it can't. A smaller number than metadata.generation means that it has not yet seen the last change;
	// it is -1 until the operator has seen the Database.
	// +kubebuilder:validation:Minimum=-1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Observed Generation",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // never 0: -1, or a generation

	// endpoint is the host and port at which the server is reached from inside the cluster, as host:port.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Endpoint",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Endpoint string `json:"endpoint,omitempty"`

	// databaseName is the name of the database in the server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Database Name",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	DatabaseName string `json:"databaseName,omitempty"`

	// encoding is the database's encoding by PostgreSQL's own name, once the server has been seen to use it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Encoding",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Encoding string `json:"encoding,omitempty"`

	// serverVersion is the version of PostgreSQL in the server's image, for example 15.14, once a pod of it has started.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Server Version",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	ServerVersion string `json:"serverVersion,omitempty"`

	// image is the server's image, of which serverVersion is.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Image",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Image string `json:"image,omitempty"`

	// binding names the Secret with all that an application needs to connect: type, provider, host, port, database,
	// username, password, uri, jdbc-url and sslmode, and certificates where it is known. This makes the Database a
	// Provisioned Service of the Service Binding Specification for Kubernetes.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Binding",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:binding"}
	Binding SecretReference `json:"binding,omitzero"`

	// credentials names the Secret and the key in it that hold the user's password: the one that the spec names, or the
	// one that the operator made.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Credentials",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:credentials"}
	Credentials SecretKeyReference `json:"credentials,omitzero"`

	// release describes the Helm release that the server is installed as.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Release",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:release"}
	Release ReleaseStatus `json:"release,omitzero"`

	// restarts counts how often the server ended by itself and was started again.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Restarts",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:restarts"}
	Restarts RestartStatus `json:"restarts,omitzero"`

	// storage is the volume that holds the data.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Storage",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:storage"}
	Storage StorageStatus `json:"storage,omitzero"`

	// backup describes the newest backups.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:backup"}
	Backup BackupStatus `json:"backup,omitzero"`

	// restoreTime is when the operator first saw the server with the data of spec.restoreFrom. From then on the volume
	// with the dumps is no longer mounted.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Restored at",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	RestoreTime *metav1.Time `json:"restoreTime,omitempty"`
}

// RestartStatus describes the restarts of the server that nobody asked for.
//
// +kubebuilder:validation:MinProperties=1
type RestartStatus struct {
	// count is how often the server's container ended by itself in the pod that there is: kubectl get pods shows the same
	// number.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Count",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	Count int32 `json:"count,omitempty"`

	// crashes is how often the server recovered by itself, within its container, after one of its processes was killed or
	// failed, which ends all sessions. It counts from when the container started.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Crashes",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	Crashes int32 `json:"crashes,omitempty"`

	// lastTime is when it last ended or crashed.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastTime *metav1.Time `json:"lastTime,omitempty"`

	// lastReason is the kubelet's word for why it ended, for example OOMKilled or Error; or Crashed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last reason",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastReason string `json:"lastReason,omitempty"`

	// lastMessage is the server's termination message, or what is known instead of it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last message",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastMessage string `json:"lastMessage,omitempty"`
}

// ReleaseStatus describes a Helm release, as Helm stored it.
type ReleaseStatus struct {
	// name is the name of the release: the Database's name with "-database" after it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=53
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Name",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Name string `json:"name,omitempty"`

	// revision is the number of the release's newest revision: 1 for an install, one more for each upgrade.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Revision",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	Revision int64 `json:"revision,omitempty"`

	// status is Helm's word for the newest revision, for example deployed, failed or pending-upgrade.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Status",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Status string `json:"status,omitempty"`

	// chartVersion is the version of the chart that the newest revision was made from.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Chart Version",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	ChartVersion string `json:"chartVersion,omitempty"`

	// generation is the metadata.generation of the Database that the newest deployed revision was rendered from.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Generation",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Generation int64 `json:"generation,omitempty"`

	// digest is the SHA-256 of the manifest of the newest deployed revision. The operator calls Helm only when it differs
	// from that of what the chart renders from the spec, or when an owned object does. Of what Helm stores it believes a
	// manifest with this digest, and nothing else.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Digest",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Digest string `json:"digest,omitempty"`

	// attemptedDigest is the digest of the manifest of the last failed attempt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Attempted Digest",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	AttemptedDigest string `json:"attemptedDigest,omitempty"`

	// failures counts the attempts to install or upgrade that failed since the last that did not. Each makes the wait
	// before the next one longer, up to five minutes.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Failures",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	Failures int32 `json:"failures,omitempty"`

	// lastFailureReason is the reason of the last failed attempt, as the conditions have it: ReleaseFailed or NameConflict.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Failure Reason",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastFailureReason string `json:"lastFailureReason,omitempty"`

	// lastFailureMessage is why the last attempt to install or upgrade failed, until one succeeds.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Failure Message",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastFailureMessage string `json:"lastFailureMessage,omitempty"`

	// rolloutTime is when the operator last upgraded the release for a reason of its own, such as a new version of the
	// chart, while the server has not been ready since. As long as it stands, the Database has a rollout slot.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Rollout Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	RolloutTime *metav1.Time `json:"rolloutTime,omitempty"`

	// lastAttemptTime is when the operator last asked Helm to install or upgrade.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last Attempt Time",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastAttemptTime *metav1.Time `json:"lastAttemptTime,omitempty"`
}
