package database

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

const (
	usernameKey = corev1.BasicAuthUsernameKey
	passwordKey = corev1.BasicAuthPasswordKey

	// secretRecheck is how often a Secret that the user names is looked at again while it is not right, and secretPoll
	// while it is. It is not watched: that would take a cache of all Secrets.
	secretRecheck = 10 * time.Second
	secretPoll    = 30 * time.Second

	// annotationGenerated is on a Secret with a generated password, and says when that was made.
	annotationGenerated = dbname.AnnotationGenerated
)

// credentials says where the password is, what it is, and what is wrong with it.
type credentials struct {
	ref v1.SecretKeyReference
	// password is only ever written to Secrets.
	password []byte
	problem  *problem
	// replaced is when the password was generated anew since the Secret with the one before was deleted; zero: it was not.
	replaced time.Time
	events   []event
	recheck  time.Duration
}

// usable tells whether the release may be made with them.
func (c *credentials) usable() bool { return c.problem == nil || c.problem.serving }

// ensureCredentials sees to it that a Secret with the password is there: the one that the spec names, or one of ours.
func (r *Reconciler) ensureCredentials(ctx context.Context, db *v1.Database) (credentials, error) {
	if ref := db.Spec.PasswordSecretRef; ref.Name != "" {
		return r.checkReferenced(ctx, db, ref)
	}
	result := credentials{ref: v1.SecretKeyReference{Name: credentialsName(db), Key: passwordKey}}
	if db.Spec.Password != "" && db.Status.ObservedGeneration != db.Generation {
		result.events = append(result.events, warning("PasswordInSpec", "Copy", fmt.Sprintf(
			"Whoever reads this Database reads its password. It was copied to Secret %s: "+
				"set spec.passwordSecretRef to a Secret and remove spec.password.", result.ref.Name)))
	}
	secret, err := r.ownSecret(ctx, db)
	if err != nil {
		return result, err
	}
	if !belongs(secret, db) {
		result.problem = newProblem(v1.ReasonNameConflict,
			"Secret %s is not this Database's, and is left alone: remove or rename it, or set spec.passwordSecretRef",
			secret.Name)
		result.recheck = secretRecheck
		return result, nil
	}
	if err := r.updateSecret(ctx, db, secret); err != nil {
		return result, err
	}
	if result.problem = checkPassword(result.ref, secret); result.problem != nil {
		result.problem.serving = isServed(db, result.ref)
		return result, nil // Its events tell of a change.
	}
	result.password = secret.Data[passwordKey]
	result.recheck = untilRotation(db, secret, r.Clock.Now())
	if secret.Annotations[annotationReplaces] != "" {
		result.replaced = generated(secret)
	}
	return result, nil
}

// checkReferenced looks at the user's Secret, live: it is not in the cache, which would have to hold all Secrets then.
func (r *Reconciler) checkReferenced(
	ctx context.Context, db *v1.Database, ref v1.SecretKeyReference,
) (credentials, error) {
	if ref.Key == "" {
		ref.Key = passwordKey
	}
	result := credentials{ref: ref, recheck: secretPoll}
	var secret *corev1.Secret
	found := &corev1.Secret{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: ref.Name}, found)
	switch {
	case err == nil:
		secret = found
	case !apierrors.IsNotFound(err):
		return result, fmt.Errorf("get Secret %s: %w", ref.Name, err)
	}
	if result.problem = checkPassword(ref, secret); result.problem != nil {
		result.recheck = secretRecheck
		result.problem.serving = isServed(db, ref)
		return result, nil
	}
	result.password = secret.Data[ref.Key]
	return result, nil
}

// isServed tells whether a server runs, which has the password from when the Secret was right.
func isServed(db *v1.Database, ref v1.SecretKeyReference) bool {
	return db.Status.Credentials == ref && meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady)
}

// checkPassword says what is wrong with the password in a Secret, which is nil where there is none.
func checkPassword(ref v1.SecretKeyReference, secret *corev1.Secret) *problem {
	if secret == nil {
		return newProblem(v1.ReasonSecretMissing, "Secret %q is not there: create it, with the password under the key %q", ref.Name, ref.Key)
	}
	password, found := secret.Data[ref.Key]
	switch {
	case !found:
		return newProblem(v1.ReasonSecretMissing, "Secret %q has no key %q: add it, or name another in spec.passwordSecretRef.key", ref.Name, ref.Key)
	case len(password) == 0:
		return newProblem(v1.ReasonSecretInvalid, "the key %q of Secret %q is empty: put a password there", ref.Key, ref.Name)
	case bytes.IndexByte(password, 0) >= 0:
		return newProblem(v1.ReasonSecretInvalid, "the key %q of Secret %q holds a NUL byte, which PostgreSQL can't take: remove it", ref.Key, ref.Name)
	}
	return nil
}

// ownSecret returns the Secret of the name that the operator's own has, and makes it where it is missing. One that the
// cache does not show may still be there: without our label, or as of a moment ago.
func (r *Reconciler) ownSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	key := client.ObjectKey{Namespace: db.Namespace, Name: credentialsName(db)}
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		made, createErr := r.createSecret(ctx, db)
		if !apierrors.IsAlreadyExists(createErr) {
			return made, createErr
		}
		err = r.APIReader.Get(ctx, key, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key.Name, err)
	}
	return secret, nil
}

// belongs tells whether a Secret is one that the operator made for a Database of this name. It has no owner, since it may
// outlive the Database.
func belongs(secret *corev1.Secret, db *v1.Database) bool {
	return secret.Labels[labelManagedBy] == partOf && secret.Labels[labelDatabase] == db.Name
}

func (r *Reconciler) createSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: credentialsName(db), Namespace: db.Namespace},
		Type:       corev1.SecretTypeBasicAuth,
	}
	created := normal("CredentialsCreated", "Create", fmt.Sprintf("Created Secret %s with the password of user %s", secret.Name, db.Spec.User))
	if db.Spec.Password == "" && hadOwnCredentials(db) {
		password, err := r.boundPassword(ctx, db)
		if err != nil {
			return nil, err
		}
		created = restoreCredentials(secret, db, password, r.Clock.Now())
	}
	completeSecret(secret, db, r.Clock.Now())
	if err := r.Client.Create(ctx, secret); err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", secret.Name, err)
	}
	r.tell(db, created)
	return secret, nil
}

// annotationReplaces is on a Secret that was created in place of one that was deleted, with another password.
const annotationReplaces = "example.com/replaces-deleted-password"

// hadOwnCredentials tells whether applications have the password from a Secret that the operator created before.
func hadOwnCredentials(db *v1.Database) bool {
	return hadData(db) && db.Status.Credentials.Name == credentialsName(db)
}

// restoreCredentials puts the password of before into a Secret, and reports that; or that there is another, where nothing
// tells what it was.
func restoreCredentials(secret *corev1.Secret, db *v1.Database, password []byte, now time.Time) event {
	if len(password) > 0 {
		secret.Data = map[string][]byte{passwordKey: password}
		// When it was generated is lost.
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationGenerated, now.UTC().Format(time.RFC3339))
		return normal("CredentialsRestored", "Create", fmt.Sprintf(
			"Secret %s was deleted: created it again with the password in Secret %s", secret.Name, bindingName(db)))
	}
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationReplaces, "true")
	return warning("PasswordReplaced", "Create", fmt.Sprintf("Secret %s was deleted, and Secret %s does not have its password either: "+
		"generated a new one, which applications must take from there", secret.Name, bindingName(db)))
}

// boundPassword is the password in the binding, or nil. Whoever may change that Secret may change the one with the
// password just as well, so it is believed, as far as PostgreSQL can take it.
func (r *Reconciler) boundPassword(ctx context.Context, db *v1.Database) ([]byte, error) {
	binding := &corev1.Secret{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: bindingName(db)}, binding)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get Secret %s: %w", bindingName(db), err)
	}
	password := binding.Data[passwordKey]
	if err != nil || !belongs(binding, db) || !metav1.IsControlledBy(binding, db) ||
		string(binding.Data[usernameKey]) != db.Spec.User || len(password) > maxPassword || bytes.IndexByte(password, 0) >= 0 {
		return nil, nil
	}
	return password, nil
}

// maxPassword is the longest password that the operator creates or copies.
const maxPassword = 256

func (r *Reconciler) updateSecret(ctx context.Context, db *v1.Database, secret *corev1.Secret) error {
	before := secret.DeepCopy()
	completeSecret(secret, db, r.Clock.Now())
	if equality.Semantic.DeepEqual(before, secret) {
		return nil
	}
	changed := !bytes.Equal(before.Data[passwordKey], secret.Data[passwordKey])
	if changed {
		delete(secret.Annotations, annotationReplaces)
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, secret, patch); err != nil {
		return fmt.Errorf("patch Secret %s: %w", secret.Name, err)
	}
	if changed {
		r.tell(db, normal("PasswordChanged", "Update",
			fmt.Sprintf("Secret %s has a new password of user %s", secret.Name, db.Spec.User)))
	}
	return nil
}

// completeSecret puts into the Secret what it must hold. A password that the spec does not give is generated, and stays
// until its rotation is due.
func completeSecret(secret *corev1.Secret, db *v1.Database, now time.Time) {
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	maps.Copy(secret.Labels, ownLabels(db))
	delete(secret.Labels, labelRetained)
	// Version 0.1.0 made it the Database's own, to be deleted with it.
	secret.OwnerReferences = withoutOwner(secret.OwnerReferences, db.UID)
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[usernameKey] = []byte(db.Spec.User)
	switch {
	case db.Spec.Password != "":
		secret.Data[passwordKey] = []byte(db.Spec.Password)
	case len(secret.Data[passwordKey]) == 0 || mustRotate(db, secret, now):
		// 26 characters, 130 bits.
		secret.Data[passwordKey] = []byte(rand.Text())
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationGenerated, now.UTC().Format(time.RFC3339))
	}
}

func withoutOwner(owners []metav1.OwnerReference, uid types.UID) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(owners), func(owner metav1.OwnerReference) bool { return owner.UID == uid })
}

// rotation is the age at which the password is replaced, and zero where it is not.
func rotation(db *v1.Database) time.Duration {
	if db.Spec.PasswordRotation.Every == nil {
		return 0
	}
	return db.Spec.PasswordRotation.Every.Duration
}

// mustRotate tells whether the password that the Secret holds is to be replaced.
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

// generated is when the password in the Secret was made, by the Secret's own age where it does not tell.
func generated(secret *corev1.Secret) time.Time {
	if at, err := time.Parse(time.RFC3339, secret.Annotations[annotationGenerated]); err == nil {
		return at
	}
	return secret.CreationTimestamp.Time
}
