package v1

// Types of a Database's conditions.
const (
	// ConditionReady is True when the server takes a login of the user with the encoding that was asked for.
	ConditionReady = "Ready"
	// ConditionProgressing is True while the operator or the cluster works on the Database.
	ConditionProgressing = "Progressing"
	// ConditionStalled is True when user action is required.
	ConditionStalled = "Stalled"
	// ConditionReconciling is there, and True, while Progressing is True and no user action is required: by it kstatus,
	// and with it Flux and Helm, know that a server that is ready is still being changed.
	ConditionReconciling = "Reconciling"
)

// Reasons of a Database's conditions. The documentation says what each one asks of its reader.
const (
	// ReasonReady: the server takes logins.
	ReasonReady = "Ready"
	// ReasonReconciled: nothing is left to do.
	ReasonReconciled = "Reconciled"
	// ReasonNotStalled: nothing requires user action.
	ReasonNotStalled = "NotStalled"
	// ReasonInstalling: the release is being installed or upgraded, or the attempt before was cut short.
	ReasonInstalling = "Installing"
	// ReasonWaitingForSlot: the release is to be upgraded for a reason of the operator's, once there is a rollout slot.
	ReasonWaitingForSlot = "WaitingForRolloutSlot"
	// ReasonStarting: the release is installed and the server has not yet taken a login.
	ReasonStarting = "Starting"
	// ReasonDeleting: the Database is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonSecretMissing: a Secret that the spec names, or a key of it, is not there.
	ReasonSecretMissing = "SecretMissing"
	// ReasonSecretInvalid: the password in the Secret is empty, or holds bytes that PostgreSQL can't take, or the
	// certificate and the private key are no usable pair.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonNameConflict: a Secret or Helm release of the name that the operator needs belongs to somebody else.
	ReasonNameConflict = "NameConflict"
	// ReasonReleaseFailed: Helm could not install or upgrade the release.
	ReasonReleaseFailed = "ReleaseFailed"
	// ReasonRefused: the API server refuses an object that the operator makes beside the release.
	ReasonRefused = "Refused"
	// ReasonAPIServerFailing: requests to the API server have been failing for some time.
	ReasonAPIServerFailing = "APIServerFailing"
	// ReasonContested: somebody else changes an object each time that it is restored.
	ReasonContested = "Contested"
	// ReasonUninstallFailed: Helm could not uninstall the release.
	ReasonUninstallFailed = "UninstallFailed"
	// ReasonImagePullFailed: the kubelet can't pull the image.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonContainerConfig: the kubelet can't make the container.
	ReasonContainerConfig = "ContainerConfigFailed"
	// ReasonServerFailed: the server stops soon after it starts.
	ReasonServerFailed = "ServerFailed"
	// ReasonMonitoringFailed: the exporter stops soon after it starts, or the API server would refuse the pod with it.
	ReasonMonitoringFailed = "MonitoringFailed"
	// ReasonMajorVersion: the image has another major version of PostgreSQL than the data.
	ReasonMajorVersion = "MajorVersionChanged"
	// ReasonUnschedulable: no node takes the pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonLoginRefused: the server runs, and refuses the user's login.
	ReasonLoginRefused = "LoginRefused"
	// ReasonPodMissing: the StatefulSet makes no pod.
	ReasonPodMissing = "PodMissing"
	// ReasonPodNotStopping: the pod of before does not go, so that there can't be another.
	ReasonPodNotStopping = "PodNotStopping"
	// ReasonParametersRefused: the server does not take the settings in the spec, and runs on with those that it had.
	ReasonParametersRefused = "ParametersRefused"
	// ReasonStorageNotGrown: the volume is smaller than the spec says, and its storage class does not let it grow.
	ReasonStorageNotGrown = "StorageNotGrown"
	// ReasonStorageNotBound: the volume claim asks for more than the spec says, and has no volume yet.
	ReasonStorageNotBound = "StorageNotBound"
	// ReasonStorageClassKept: the volume claim that is there has another storage class than the spec says, and stays in it.
	ReasonStorageClassKept = "StorageClassKept"
	// ReasonDataBeingDeleted: the volume claim with the data is being deleted, which happens when the pod stops.
	ReasonDataBeingDeleted = "DataBeingDeleted"
	// ReasonDataLost: the volume claim with the data is not there any more, or its volume is not.
	ReasonDataLost = "DataLost"
	// ReasonDataReplaced: the volume claim is another than the one with the data.
	ReasonDataReplaced = "DataReplaced"
)
