package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DatabaseSpec is what the user asks for.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.password) && has(self.passwordSecretRef))",message="spec.password and spec.passwordSecretRef are both set: keep passwordSecretRef and remove password"
// +kubebuilder:validation:XValidation:rule="!has(self.passwordRotation) || !(has(self.password) || has(self.passwordSecretRef))",message="spec.passwordRotation is for the password that the operator generates: remove it, or remove spec.password and spec.passwordSecretRef"
// +kubebuilder:validation:XValidation:rule="!has(self.restoreFrom) || has(oldSelf.restoreFrom) && self.restoreFrom == oldSelf.restoreFrom",message="spec.restoreFrom can't be set or changed later, since it acts only when the data are made: set it back or remove it, or make a new Database"
// +kubebuilder:validation:XValidation:rule="!(has(self.monitoring) && self.user == 'database_exporter')",message="spec.user is database_exporter, which is the role of the exporter of spec.monitoring: choose another, for example app, or remove spec.monitoring"
type DatabaseSpec struct {
	// user is the PostgreSQL role that owns the database and may log in. It is not a superuser.
	// It starts with a lower-case letter or an underscore, goes on with lower-case letters, digits and underscores, and
	// has at most 63 characters: such a name means the same with and without quotes in SQL, where PostgreSQL would fold
	// upper case to lower. Refused are the names that PostgreSQL keeps for itself (postgres, public, none, current_role,
	// current_user, session_user and everything that starts with pg_).
	// It can't be changed: the data belong to this role. Any other value is refused by the API server.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z_][a-z0-9_]*$')",message="spec.user must start with a lower-case letter or an underscore and hold only lower-case letters, digits and underscores: for example my_app"
	// +kubebuilder:validation:XValidation:rule="!(self in ['postgres', 'public', 'none', 'current_role', 'current_user', 'session_user']) && !self.startsWith('pg_')",message="spec.user is a name that PostgreSQL keeps for itself (postgres, public, none, current_role, current_user, session_user, pg_*): choose another, for example app"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.user can't be changed, since the data belong to it: set it back, or make a new Database"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="User",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	User string `json:"user,omitempty"`

	// password is the user's password, in plain text, of 1 to 256 characters, none of them NUL.
	// Prefer passwordSecretRef: whoever may read this Database can read a password that is written here. The operator
	// copies it to a Secret and uses only that. It can be changed; new logins need the new one within about two minutes,
	// and connections that are open stay open.
	// Without password and passwordSecretRef the operator generates a password once and keeps it in the same Secret
	// (status.credentials names it). Together with passwordSecretRef it is refused.
	// +kubebuilder:validation:XValidation:rule="!self.contains('\\u0000')",message="spec.password holds a NUL character, which PostgreSQL can't take: remove it",reason=FieldValueForbidden
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Password",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:password"}
	Password string `json:"password,omitempty"`

	// passwordSecretRef names a Secret in the Database's namespace that holds the user's password.
	// It can be changed, and so can the Secret: new logins need the new password within about two minutes, and
	// connections that are open stay open. Where the Secret or its key is missing, empty, or holds a NUL byte, the
	// Database is Stalled until that is fixed.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Password Secret Ref",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:passwordSecretRef"}
	PasswordSecretRef SecretKeyReference `json:"passwordSecretRef,omitzero"`

	// encoding is the database's character encoding: a name that PostgreSQL takes for a server, in any case, with or
	// without underscores and hyphens, or one of its aliases (unicode is UTF8, iso88591 is LATIN1). The default is UTF8.
	// The locale is C, which goes with every encoding.
	// It can't be changed, except to another name of the same encoding. An unknown name is refused by the API server.
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().replace('_', '').replace('-', '') in ['abc', 'alt', 'euccn', 'eucjis2004', 'eucjp', 'euckr', 'euctw', 'iso88591', 'iso885910', 'iso885913', 'iso885914', 'iso885915', 'iso885916', 'iso88592', 'iso88593', 'iso88594', 'iso88595', 'iso88596', 'iso88597', 'iso88598', 'iso88599', 'koi8', 'koi8r', 'koi8u', 'latin1', 'latin10', 'latin2', 'latin3', 'latin4', 'latin5', 'latin6', 'latin7', 'latin8', 'latin9', 'muleinternal', 'sqlascii', 'tcvn', 'tcvn5712', 'unicode', 'utf8', 'vscii', 'win', 'win1250', 'win1251', 'win1252', 'win1253', 'win1254', 'win1255', 'win1256', 'win1257', 'win1258', 'win866', 'win874', 'windows1250', 'windows1251', 'windows1252', 'windows1253', 'windows1254', 'windows1255', 'windows1256', 'windows1257', 'windows1258', 'windows866', 'windows874']",message="spec.encoding is not an encoding that a PostgreSQL server takes: use for example UTF8, LATIN1, WIN1252 or EUC_JP (the table of character sets in PostgreSQL's documentation lists them; BIG5, GB18030, GBK, JOHAB, SJIS and UHC are for clients only)"
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().replace('_', '').replace('-', '') == oldSelf.lowerAscii().replace('_', '').replace('-', '') || [self.lowerAscii().replace('_', '').replace('-', '')].all(n, [oldSelf.lowerAscii().replace('_', '').replace('-', '')].all(o, (n in ['utf8', 'unicode'] && o in ['utf8', 'unicode']) || (n in ['koi8r', 'koi8'] && o in ['koi8r', 'koi8']) || (n in ['latin1', 'iso88591'] && o in ['latin1', 'iso88591']) || (n in ['latin2', 'iso88592'] && o in ['latin2', 'iso88592']) || (n in ['latin3', 'iso88593'] && o in ['latin3', 'iso88593']) || (n in ['latin4', 'iso88594'] && o in ['latin4', 'iso88594']) || (n in ['latin5', 'iso88599'] && o in ['latin5', 'iso88599']) || (n in ['latin6', 'iso885910'] && o in ['latin6', 'iso885910']) || (n in ['latin7', 'iso885913'] && o in ['latin7', 'iso885913']) || (n in ['latin8', 'iso885914'] && o in ['latin8', 'iso885914']) || (n in ['latin9', 'iso885915'] && o in ['latin9', 'iso885915']) || (n in ['latin10', 'iso885916'] && o in ['latin10', 'iso885916']) || (n in ['win866', 'alt', 'windows866'] && o in ['win866', 'alt', 'windows866']) || (n in ['win874', 'windows874'] && o in ['win874', 'windows874']) || (n in ['win1250', 'windows1250'] && o in ['win1250', 'windows1250']) || (n in ['win1251', 'win', 'windows1251'] && o in ['win1251', 'win', 'windows1251']) || (n in ['win1252', 'windows1252'] && o in ['win1252', 'windows1252']) || (n in ['win1253', 'windows1253'] && o in ['win1253', 'windows1253']) || (n in ['win1254', 'windows1254'] && o in ['win1254', 'windows1254']) || (n in ['win1255', 'windows1255'] && o in ['win1255', 'windows1255']) || (n in ['win1256', 'windows1256'] && o in ['win1256', 'windows1256']) || (n in ['win1257', 'windows1257'] && o in ['win1257', 'windows1257']) || (n in ['win1258', 'windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'] && o in ['win1258', 'windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'])))",message="spec.encoding can't be changed, since the data are stored in it: set it back, or make a new Database and move the data there"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +default="UTF8"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Encoding",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Encoding string `json:"encoding,omitempty"`

	// databaseName is the name of the database in the server. The default is the Database's own name with each hyphen
	// as an underscore. It has the form of spec.user, and may not be postgres, template0, template1 or
	// database_operator, which the server and the operator need.
	// It can't be changed: another value is refused by the API server.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z_][a-z0-9_]*$')",message="spec.databaseName must start with a lower-case letter or an underscore and hold only lower-case letters, digits and underscores: for example my_app"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Database Name",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	DatabaseName string `json:"databaseName,omitempty"`

	// image is the container image of the PostgreSQL server: the official postgres image based on Debian, or another
	// with PostgreSQL 15 or newer and its client programs on PATH, for user 999. The default is the operator's own
	// setting. It can be changed to another minor version, which restarts the server. One whose tag begins with another
	// major version is refused with the condition Stalled, while the server goes on with the image that it has; where the
	// tag does not say, the new server refuses to start on the old data, and the Database is Stalled until the image is
	// changed back. An image that can't be pulled makes the Database Stalled with the kubelet's message.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Image",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Image string `json:"image,omitempty"`

	// storage is the volume that holds the data. spec.deletionPolicy says whether it outlives the Database.
	// +default={"size": "1Gi"}
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Storage",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:storage"}
	Storage DatabaseStorage `json:"storage,omitzero"`

	// deletionPolicy says what becomes of the data when the Database is deleted. Retain, the default, keeps the volume
	// claim and the Secret with the password that the operator made, labelled example.com/retained: a Database of the same
	// name takes both up again. Delete removes them with the Database, for good. A Secret of your own and backups stay in
	// either case. It can be changed at any time, also while the Database is being deleted. Any other value is refused.
	// +default="Retain"
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Deletion Policy",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:Retain","urn:alm:descriptor:com.tectonic.ui:select:Delete"}
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// passwordRotation has the operator make a new password from time to time. It is for the password that the operator
	// generates: together with password or passwordSecretRef it is refused. Without it the password stays.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Password Rotation",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:passwordRotation"}
	PasswordRotation PasswordRotation `json:"passwordRotation,omitzero"`

	// resources are the CPU and memory requests and limits of the server's container. The default is a request of
	// 50 millicores and 128 MiB without limits. They can be changed, which restarts the server. Requests that no node
	// can meet make the Database Stalled with the scheduler's message.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Resources",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:resourceRequirements","urn:alm:descriptor:com.tectonic.ui:advanced"}
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// backup lets the database be dumped into a volume of its own, on a schedule and when it is asked for. The default is
	// no backup. It can be changed and removed; the volume with the dumps stays. How the newest backup went is in
	// status.backup and the condition BackupHealthy; one that fails does not make the Database unready.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Backup",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:backup"}
	Backup *DatabaseBackup `json:"backup,omitempty"`

	// restoreFrom lets a new Database begin with a dump of another, or of an earlier one of its own name. The user and the
	// name of the database may be others than in the dump, and the encoding one that its text can be converted to.
	// It acts only when the data are made: it can't be set or changed later, which the API server refuses, and can be
	// removed. A volume that holds data of something else already makes the Database Stalled, and is left as it is.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Restore from",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:fieldGroup:restoreFrom"}
	RestoreFrom DatabaseRestore `json:"restoreFrom,omitzero"`

	ServerOptions `json:",inline"`
}

// Database is one PostgreSQL server with one database, owned by one user.
//
// The operator installs it as a Helm release named after it, keeps the release as it should be, and uninstalls it when
// the Database is deleted. Unless spec.deletionPolicy says otherwise, the volume with the data stays then, and a Database
// of the same name takes it up again.
//
// +operator-sdk:csv:customresourcedefinitions:displayName="Database",resources={{ConfigMap,v1},{NetworkPolicy,v1},{PersistentVolumeClaim,v1},{Pod,v1},{Secret,v1},{Service,v1},{ServiceAccount,v1},{StatefulSet,v1}}
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:labels="servicebinding.io/provisioned-service=true"
// +kubebuilder:resource:path=databases,singular=database,scope=Namespaced
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.serverVersion`
// +kubebuilder:printcolumn:name="Size",type=string,JSONPath=`.status.storage.size`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.status.endpoint`,priority=1
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.user`,priority=1
// +kubebuilder:printcolumn:name="Release",type=integer,JSONPath=`.status.release.revision`,priority=1
// +kubebuilder:printcolumn:name="Restarts",type=integer,JSONPath=`.status.restarts.count`,priority=1
// +kubebuilder:printcolumn:name="Backup",type=date,JSONPath=`.status.backup.lastSuccessTime`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 40",message="metadata.name is too long: the names of the Helm release, the pods and their labels are made from it, so it may have at most 40 characters"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must start with a lower-case letter and hold only lower-case letters, digits and hyphens, since a Service is named after it: for example my-app"
// +kubebuilder:validation:XValidation:rule="!((has(self.spec.databaseName) ? self.spec.databaseName : self.metadata.name.replace('-', '_')) in ['postgres', 'template0', 'template1', 'database_operator'])",message="spec.databaseName (by default metadata.name with '-' as '_') is a database that PostgreSQL or the operator needs for itself (postgres, template0, template1, database_operator): set spec.databaseName to another name"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.databaseName) ? self.spec.databaseName : self.metadata.name.replace('-', '_')) == (has(oldSelf.spec.databaseName) ? oldSelf.spec.databaseName : oldSelf.metadata.name.replace('-', '_'))",message="spec.databaseName can't be changed, since the data are in it: set it back, or make a new Database"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.storage) || !has(oldSelf.spec.storage) || !has(self.spec.storage.size) || !has(oldSelf.spec.storage.size) || string(self.spec.storage.size).matches('[eE][-+]?[0-9]{3}') || !isQuantity(string(self.spec.storage.size)) || quantity(string(self.spec.storage.size)).compareTo(quantity(string(oldSelf.spec.storage.size))) >= 0 || has(self.status) && has(self.status.storage) && (has(self.status.storage.size) ? quantity(string(self.spec.storage.size)).compareTo(quantity(string(self.status.storage.size))) >= 0 : !has(self.status.storage.claimUID))",message="spec.storage.size can't shrink below what the volume has (status.storage.size): set it to that size or more"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.storage) || !has(oldSelf.spec.storage) || has(self.spec.storage.storageClassName) == has(oldSelf.spec.storage.storageClassName) && (!has(self.spec.storage.storageClassName) || self.spec.storage.storageClassName == oldSelf.spec.storage.storageClassName) || has(self.status) && has(self.status.storage) && has(self.status.storage.phase) && has(self.spec.storage.storageClassName) == has(self.status.storage.storageClassName) && (!has(self.spec.storage.storageClassName) || self.spec.storage.storageClassName == self.status.storage.storageClassName)",message="spec.storage.storageClassName can't be changed, since a volume stays in its class (status.storage.storageClassName): set it back, or create a new Database"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.backup) || !has(oldSelf.spec.backup) || !has(self.spec.backup.storage) || !has(oldSelf.spec.backup.storage) || !has(self.spec.backup.storage.size) || !has(oldSelf.spec.backup.storage.size) || string(self.spec.backup.storage.size).matches('[eE][-+]?[0-9]{3}') || !isQuantity(string(self.spec.backup.storage.size)) || quantity(string(self.spec.backup.storage.size)).compareTo(quantity(string(oldSelf.spec.backup.storage.size))) >= 0 || has(self.status) && has(self.status.backup) && has(self.status.backup.storage) && (has(self.status.backup.storage.size) ? quantity(string(self.spec.backup.storage.size)).compareTo(quantity(string(self.status.backup.storage.size))) >= 0 : !has(self.status.backup.storage.claimUID))",message="spec.backup.storage.size can't shrink below what the volume has (status.backup.storage.size): set it to that size or more"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.backup) || !has(oldSelf.spec.backup) || !has(self.spec.backup.storage) || !has(oldSelf.spec.backup.storage) || has(self.spec.backup.storage.storageClassName) == has(oldSelf.spec.backup.storage.storageClassName) && (!has(self.spec.backup.storage.storageClassName) || self.spec.backup.storage.storageClassName == oldSelf.spec.backup.storage.storageClassName) || has(self.status) && has(self.status.backup) && has(self.status.backup.storage) && has(self.status.backup.storage.phase) && has(self.spec.backup.storage.storageClassName) == has(self.status.backup.storage.storageClassName) && (!has(self.spec.backup.storage.storageClassName) || self.spec.backup.storage.storageClassName == self.status.backup.storage.storageClassName)",message="spec.backup.storage.storageClassName can't be changed, since a volume stays in its class (status.backup.storage.storageClassName): set it back"
type Database struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata. The name has at most 40 characters, starts with a letter and holds only
	// lower-case letters, digits and hyphens, since a release, pods and a Service are named after it.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the user asks for.
	// +required
	Spec DatabaseSpec `json:"spec,omitzero"`

	// status is what the operator saw. Only the operator writes it.
	// +optional
	// +default={"observedGeneration":-1}
	Status DatabaseStatus `json:"status,omitzero"`
}

// DatabaseList is a list of Databases.
//
// +kubebuilder:object:root=true
type DatabaseList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`

	// items are the Databases.
	// +required
	Items []Database `json:"items"`
}
