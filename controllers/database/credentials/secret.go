package credentials

import (
	"bytes"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/dbname"
)

const (
	// annotationGenerated is on a Secret with a generated password, and says when that was generated.
	annotationGenerated = dbname.AnnotationGenerated

	// annotationReplaces is on a Secret that was created in place of one that was deleted, with another password.
	annotationReplaces = "example.com/replaces-deleted-password"

	// maxPassword is the longest password that the operator copies.
	maxPassword = 256
)

// newSecret is the operator's Secret, and the event that reports it.
func newSecret(
	db *v1.Database, binding *corev1.Secret, generate func() string, now time.Time,
) (*corev1.Secret, step.Event) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: step.CredentialsName(db), Namespace: db.Namespace},
		Type:       corev1.SecretTypeBasicAuth,
	}
	created := step.Normal("CredentialsCreated", "Create", fmt.Sprintf("Created Secret %s with the password of user %s", secret.Name, db.Spec.User))
	if mayRestore(db) {
		created = restore(secret, db, boundPassword(db, binding), now)
	}
	completeSecret(secret, db, generate, now)
	return secret, created
}

// mayRestore reports whether applications have a generated password from a Secret that the operator created before.
func mayRestore(db *v1.Database) bool {
	return isOwn(db) && db.Spec.Password == "" && step.HadData(db) && db.Status.Credentials.Name == step.CredentialsName(db)
}

// restore writes the former password to a Secret, and reports that; or that there is a new one, since nothing has the
// former any more.
func restore(secret *corev1.Secret, db *v1.Database, password []byte, now time.Time) step.Event {
	if len(password) > 0 {
		secret.Data = map[string][]byte{step.PasswordKey: password}
		// When it was generated is lost.
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationGenerated, now.UTC().Format(time.RFC3339))
		return step.Normal("CredentialsRestored", "Create", fmt.Sprintf(
			"Secret %s was deleted: created it again with the password in Secret %s", secret.Name, step.BindingName(db)))
	}
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationReplaces, "true")
	return step.Warning("PasswordReplaced", "Create", fmt.Sprintf("Secret %s was deleted, and Secret %s does not have its password either: "+
		"generated a new one, which applications must take from there", secret.Name, step.BindingName(db)))
}

// boundPassword is the password in the binding, or nil. Whoever may change that Secret may change the one with the
// password just as well, so it is believed, as far as PostgreSQL can take it.
func boundPassword(db *v1.Database, binding *corev1.Secret) []byte {
	if binding == nil || !step.Belongs(binding, db) || !metav1.IsControlledBy(binding, db) ||
		string(binding.Data[step.UsernameKey]) != db.Spec.User {
		return nil
	}
	password := binding.Data[step.PasswordKey]
	if len(password) > maxPassword || bytes.IndexByte(password, 0) >= 0 {
		return nil
	}
	return password
}

// completeSecret puts into the Secret what it must hold. A password that the spec does not give is generated, and stays
// until its rotation is due.
func completeSecret(secret *corev1.Secret, db *v1.Database, generate func() string, now time.Time) {
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	maps.Copy(secret.Labels, step.OwnLabels(db))
	delete(secret.Labels, step.LabelRetained)
	// Version 0.1.0 made it the Database's own, to be deleted with it.
	secret.OwnerReferences = step.WithoutOwner(secret.OwnerReferences, db.UID)
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[step.UsernameKey] = []byte(db.Spec.User)
	switch {
	case db.Spec.Password != "":
		secret.Data[step.PasswordKey] = []byte(db.Spec.Password)
	case len(secret.Data[step.PasswordKey]) == 0 || mustRotate(db, secret, now):
		secret.Data[step.PasswordKey] = []byte(generate())
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationGenerated, now.UTC().Format(time.RFC3339))
	}
}

// rotation is the age at which the password is replaced, and zero where it is not.
func rotation(db *v1.Database) time.Duration {
	if db.Spec.PasswordRotation.Every == nil {
		return 0
	}
	return db.Spec.PasswordRotation.Every.Duration
}

// mustRotate reports whether the password that the Secret holds is to be replaced.
func mustRotate(db *v1.Database, secret *corev1.Secret, now time.Time) bool {
	every := rotation(db)
	return every > 0 && !now.Before(generated(secret).Add(every))
}

// untilRotation is how long the password that the Secret holds may stay, and zero where it stays for good.
func untilRotation(db *v1.Database, secret *corev1.Secret, now time.Time) time.Duration {
	every := rotation(db)
	if every == 0 {
		return 0
	}
	return max(generated(secret).Add(every).Sub(now), time.Second)
}

// generated is when the password in the Secret was generated, by the Secret's own age where it does not say.
func generated(secret *corev1.Secret) time.Time {
	if at, err := time.Parse(time.RFC3339, secret.Annotations[annotationGenerated]); err == nil {
		return at
	}
	return secret.CreationTimestamp.Time
}
