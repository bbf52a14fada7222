package v1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationBackupRequest on a Database asks for one backup now: the operator makes one for each new value, whatever it
// is, once the server is ready. The usual value is the time. status.backup.lastRequest says which one was taken up.
const AnnotationBackupRequest = "example.com/backup-requested-at"

// LatestDump is the value of spec.restoreFrom.dump for the newest dump that is there.
const LatestDump = "latest"

// DatabaseBackup says when the database is dumped, and where the dumps are kept.
//
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || has(self.schedule)",message="backup.timeZone is set without a schedule: set backup.schedule, or remove backup.timeZone"
type DatabaseBackup struct {
	// schedule is when backups are made: five fields as in a crontab (minute, hour, day of the month, month, day of the
	// week), or one of @yearly, @monthly, @weekly, @daily and @hourly. It is in UTC unless timeZone says otherwise.
	// Without it there are only the backups that the annotation example.com/backup-requested-at asks for. It can be
	// changed. What is none to a CronJob is refused by the API server, and so is @every.
	// +kubebuilder:validation:XValidation:rule="self in ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'] || self.lowerAscii().matches('^([*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?)(/0*[1-9][0-9]{0,8})?(,([*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?)(/0*[1-9][0-9]{0,8})?)* ') && self.lowerAscii().matches('^([^ ]+ +){1}([*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?)(/0*[1-9][0-9]{0,8})?(,([*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?)(/0*[1-9][0-9]{0,8})?)* ') && self.lowerAscii().matches('^([^ ]+ +){2}([*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?)(/0*[1-9][0-9]{0,8})?(,([*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?)(/0*[1-9][0-9]{0,8})?)* ') && self.lowerAscii().matches('^([^ ]+ +){3}([*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/0*[1-9][0-9]{0,8})?(,([*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/0*[1-9][0-9]{0,8})?)* ') && self.lowerAscii().matches('^([^ ]+ +){4}([*?]|(0*[0-6]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/0*[1-9][0-9]{0,8})?(,([*?]|(0*[0-6]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/0*[1-9][0-9]{0,8})?)*$')",message="backup.schedule must be five fields as in a crontab (minute hour day-of-month month day-of-week, Sunday is 0), or @yearly, @monthly, @weekly, @daily or @hourly: for example 30 3 * * * for 03:30 each day"
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().replace('jan', '1').replace('feb', '2').replace('mar', '3').replace('apr', '4').replace('may', '5').replace('jun', '6').replace('jul', '7').replace('aug', '8').replace('sep', '9').replace('oct', '10').replace('nov', '11').replace('dec', '12').replace('sun', '0').replace('mon', '1').replace('tue', '2').replace('wed', '3').replace('thu', '4').replace('fri', '5').replace('sat', '6').findAll('0*[0-9]{1,9}-0*[0-9]{1,9}').all(r, int(r.split('-')[0]) <= int(r.split('-')[1]))",message="backup.schedule has a range that runs backwards, which has no time in it: make two ranges of it, for example 22-23,0-5 of 22-5"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Backup schedule",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Schedule string `json:"schedule,omitempty"`

	// timeZone is the time zone of the schedule, by its name in the IANA database, for example Europe/Berlin. The default
	// is UTC. It can be changed, and needs a schedule. A zone that the API server does not know is refused by it.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][-+_/A-Za-z0-9]*$') && self.lowerAscii() != 'local' && timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0",message="backup.timeZone must be the name of a time zone in the IANA database: for example Europe/Berlin"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Time zone of the schedule",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	TimeZone string `json:"timeZone,omitempty"`

	// suspend stops the scheduled backups while it is true. Those that are asked for are still made. The default is
	// false. It can be changed.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Suspend scheduled backups",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:booleanSwitch"}
	Suspend *bool `json:"suspend,omitempty"`

	// retain is how many dumps are kept, from 1 to 1000: after a backup that succeeded, the oldest beyond this number are
	// removed. A backup that failed removes none. The default is 7. It can be changed.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +default=7
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Dumps to keep",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number"}
	Retain int32 `json:"retain,omitempty"`

	// verification is how each dump is verified before it is kept. With Restore, the default, it is restored into a scratch
	// server in the backup's pod, which needs as much room on the node's disk as the database has; what can't be restored
	// is no backup. With Read it is only read. It can be changed.
	// +default="Restore"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Verification of dumps",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:Restore","urn:alm:descriptor:com.tectonic.ui:select:Read","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Verification BackupVerification `json:"verification,omitempty"`

	// resources are the CPU and memory requests and limits of the container that dumps. The default is a request of
	// 50 millicores and 128 MiB, with the limits that spec.resources has for the server. They can be changed, without a restart of the server, and are those of the backups from then on. Requests that no
	// node can meet make the condition BackupHealthy False with the scheduler's message.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Resources of backups",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:resourceRequirements","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// storage is the volume that holds the dumps, apart from the data. It must have room for one dump more than retain
	// says: an old one goes only once the new one is there. It outlives the Database.
	// +default={"size": "1Gi"}
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Storage of the dumps",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:backup.storage"}
	Storage BackupStorage `json:"storage,omitzero"`
}

// BackupVerification is how a dump is verified.
//
// +kubebuilder:validation:Enum=Restore;Read
type BackupVerification string

const (
	// VerificationRestore restores each dump into a scratch server.
	VerificationRestore BackupVerification = "Restore"
	// VerificationRead only reads it.
	VerificationRead BackupVerification = "Read"
)

// DatabaseRestore names the dump that a new Database begins with.
type DatabaseRestore struct {
	// database is the name of the Database in the same namespace whose dumps are restored from. It need not be there any
	// more: the volume with its dumps is enough. It may be this Database's own name. A volume that is not there makes the
	// Database Stalled until it is.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="restoreFrom.database must be the name of a Database: lower-case letters, digits and hyphens, with a letter first"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Restore from Database",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Database string `json:"database,omitempty"`

	// dump is the file name of the dump, as status.backup.lastSuccessName has it, or latest for the newest that is there
	// when the data are made. The default is latest. A dump that is not there, or is damaged, makes the Database Stalled,
	// and is tried again until it is right.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="restoreFrom.dump must be the name of a file, without a folder, or latest: for example wordpress-20260131T033000Z.dump"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +default="latest"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Dump to restore",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Dump string `json:"dump,omitempty"`
}

// BackupStatus describes the newest backups.
//
// +kubebuilder:validation:MinProperties=1
type BackupStatus struct {
	// lastSuccessTime is when the newest good backup was complete.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// lastSuccessName is the file name of that backup's dump, for spec.restoreFrom.dump.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last dump",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastSuccessName string `json:"lastSuccessName,omitempty"`

	// lastSuccessBytes is the size of that dump in bytes. It is compressed.
	// +kubebuilder:validation:Minimum=1
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Size of the last dump in bytes",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastSuccessBytes int64 `json:"lastSuccessBytes,omitempty"`

	// lastSuccessRestoredTime is when that dump was restored into a scratch server, by the backup itself, which proves that
	// it can be. Without it the dump was only read through.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last dump restored",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastSuccessRestoredTime *metav1.Time `json:"lastSuccessRestoredTime,omitempty"`

	// lastFailureTime is when a backup last failed, after all its tries.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last failed backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// lastFailureMessage is why it failed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last failure of a backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastFailureMessage string `json:"lastFailureMessage,omitempty"`

	// lastRequest is the newest value of the annotation example.com/backup-requested-at that was taken up, of which it
	// has the first 256 bytes.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Last request for a backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	LastRequest string `json:"lastRequest,omitempty"`

	// storage is the volume that holds the dumps. A volume claim of another UID than claimUID does not hold those that
	// this status speaks of.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=status,displayName="Storage of the dumps",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:backup.storage"}
	Storage StorageStatus `json:"storage,omitzero"`
}

// ConditionBackupHealthy is True when the newest backup succeeded, False when it failed or can't start, and Unknown while
// there is none. A Database without spec.backup does not have it.
const ConditionBackupHealthy = "BackupHealthy"

// Reasons of the condition BackupHealthy, beside those of a pod that does not start.
const (
	// ReasonNoBackup: none has been made yet.
	ReasonNoBackup = "NoBackup"
	// ReasonBackupRunning: the first one is under way.
	ReasonBackupRunning = "BackupRunning"
	// ReasonBackupSucceeded: the newest backup is good.
	ReasonBackupSucceeded = "BackupSucceeded"
	// ReasonBackupsLost: the volume claim of the dumps was deleted, and there has been no good backup since.
	ReasonBackupsLost = "BackupsLost"
	// ReasonBackupFailed: the newest backup failed.
	ReasonBackupFailed = "BackupFailed"
)

// BackupStorage is the volume that holds the dumps. It has the fields of DatabaseStorage, and messages of its own.
//
// +kubebuilder:validation:MinProperties=1
type BackupStorage struct {
	// size is how much the volume holds, as a Kubernetes quantity of bytes, of 256Mi or more. The default is 1Gi.
	// It can grow, and be changed back to what the volume has (status.backup.storage.size); less is rejected by the API server.
	// Where the storage class does not let volumes grow, the condition Stalled says so until it is changed back, and backups go
	// on with the size that the volume has.
	// +kubebuilder:validation:XValidation:rule="!string(self).matches('[eE][-+]?[0-9]{3}') && isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('256Mi')) >= 0",message="spec.backup.storage.size must be a quantity of 256Mi or more: for example 1Gi"
	// +default="1Gi"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Size",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the class of the volume. Without it the cluster's default class is used. It can't be set,
	// changed or removed later, except to the class that the volume has (status.backup.storage.storageClassName). A class that is not there leaves the volume unbound, and the Database is Stalled with
	// the scheduler's message.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Storage Class Name",xDescriptors={"urn:alm:descriptor:io.kubernetes:StorageClass","urn:alm:descriptor:com.tectonic.ui:advanced"}
	StorageClassName string `json:"storageClassName,omitempty"`
}
