package step

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

const (
	// LabelDatabase is on everything that belongs to a Database, with its name: events of these objects lead back to it.
	// An owner reference would not do, since the volume claim must have none.
	LabelDatabase = dbname.LabelDatabase
	// LabelManagedBy says who created an object.
	LabelManagedBy = dbname.LabelManagedBy
	// LabelPartOf is on the objects that are cached, with PartOf.
	LabelPartOf = "app.kubernetes.io/part-of"
	// PartOf is the operator's name.
	PartOf = dbname.Operator
	// LabelRetained is on the volume claim and the Secret of a Database that was deleted and left them behind.
	LabelRetained = "example.com/retained"
	// LabelComponent distinguishes the server's pods from those of backups.
	LabelComponent = dbname.LabelComponent
	// ComponentDatabase is its value on the server's objects.
	ComponentDatabase = dbname.ComponentDatabase
	// ComponentBackup is its value on those of backups.
	ComponentBackup = dbname.ComponentBackup

	// UsernameKey is that of the user's name in a Secret.
	UsernameKey = corev1.BasicAuthUsernameKey
	// PasswordKey is that of the password.
	PasswordKey = corev1.BasicAuthPasswordKey
	// CAKey is that of the CA's certificate, in the Secret with the certificate and in the binding.
	CAKey = "ca.crt"

	// ServerPort is the server's.
	ServerPort = 5432
)

// ReleaseName is the name of the release, of the StatefulSet and of the Service.
func ReleaseName(db *v1.Database) string { return dbname.Release(db.Name) }

// ClaimName is the name of the volume claim of the data.
func ClaimName(db *v1.Database) string { return dbname.Claim(db.Name) }

// BackupClaimName is the name of the volume claim of the dumps.
func BackupClaimName(db *v1.Database) string { return dbname.Backup(db.Name) }

// ConfigName is the name of the ConfigMap with the scripts.
func ConfigName(db *v1.Database) string { return ReleaseName(db) + "-config" }

// CredentialsName is the name of the Secret with the password that the operator creates.
func CredentialsName(db *v1.Database) string { return ReleaseName(db) + "-credentials" }

// BindingName is the name of the Secret with all that an application needs.
func BindingName(db *v1.Database) string { return ReleaseName(db) + "-binding" }

// ExporterName is the name of the Secret with the password of the exporter's role.
func ExporterName(db *v1.Database) string { return ReleaseName(db) + "-exporter" }

// PodName is that of the StatefulSet's only pod.
func PodName(db *v1.Database) string { return dbname.Pod(db.Name) }

// Host is the server's name inside the cluster.
func Host(db *v1.Database) string { return fmt.Sprintf("%s.%s.svc", ReleaseName(db), db.Namespace) }

// Endpoint is the server's address inside the cluster.
func Endpoint(db *v1.Database) string { return fmt.Sprintf("%s:%d", Host(db), ServerPort) }

// DatabaseName is a valid identifier, since the API server lets no other name of a Database in.
func DatabaseName(db *v1.Database) string {
	if db.Spec.DatabaseName != "" {
		return db.Spec.DatabaseName
	}
	return strings.ReplaceAll(db.Name, "-", "_")
}

// TLSEnabled reports whether the server serves TLS.
func TLSEnabled(db *v1.Database) bool { return db.Spec.TLS.SecretName != "" }

// HadData reports whether the server was ever ready, so that there is data to lose.
func HadData(db *v1.Database) bool {
	return db.Status.Storage.ClaimUID != "" || db.Status.Encoding != ""
}

// OwnLabels are on the objects that the operator creates itself. Those of the chart have the same and Helm's.
func OwnLabels(db *v1.Database) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     "postgresql",
		"app.kubernetes.io/instance": ReleaseName(db),
		LabelComponent:               ComponentDatabase,
		LabelManagedBy:               PartOf,
		LabelPartOf:                  PartOf,
		LabelDatabase:                db.Name,
	}
}

// OwnedBy are the owner references of the objects that are deleted with the Database.
func OwnedBy(db *v1.Database) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(db, v1.GroupVersion.WithKind("Database"))}
}

// WithoutOwner leaves out the owner of a UID.
func WithoutOwner(owners []metav1.OwnerReference, uid types.UID) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(owners), func(owner metav1.OwnerReference) bool { return owner.UID == uid })
}

// Belongs reports whether a Secret is one that the operator created for a Database of this name. That of the password
// has no owner, since it may outlive the Database.
func Belongs(secret *corev1.Secret, db *v1.Database) bool {
	return secret.Labels[LabelManagedBy] == PartOf && secret.Labels[LabelDatabase] == db.Name
}

// ClaimStatus is what the status reports of a volume claim. The UID is that of the claim that was last seen in use.
func ClaimStatus(claim *corev1.PersistentVolumeClaim, used string) v1.StorageStatus {
	status := v1.StorageStatus{ClaimUID: used}
	if claim == nil {
		return status
	}
	status.Phase = string(claim.Status.Phase)
	if claim.Spec.StorageClassName != nil {
		status.StorageClassName = *claim.Spec.StorageClassName
	}
	if has, known := claim.Status.Capacity[corev1.ResourceStorage]; known {
		status.Size = &has
	}
	return status
}
