package database

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// ownSecret returns the Secret of the name that the operator's own has, and makes it where it is missing. One that the
// cache does not show may still be there: without our label, or as of a moment ago.
func (r *Reconciler) ownSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	key := client.ObjectKey{Namespace: db.Namespace, Name: step.CredentialsName(db)}
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

func (r *Reconciler) createSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: step.CredentialsName(db), Namespace: db.Namespace},
		Type:       corev1.SecretTypeBasicAuth,
	}
	created := step.Normal("CredentialsCreated", "Create", fmt.Sprintf("Created Secret %s with the password of user %s", secret.Name, db.Spec.User))
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
	r.send(db, created)
	return secret, nil
}

// annotationReplaces is on a Secret that was created in place of one that was deleted, with another password.
const annotationReplaces = "example.com/replaces-deleted-password"

// hadOwnCredentials reports whether applications have the password from a Secret that the operator created before.
func hadOwnCredentials(db *v1.Database) bool {
	return step.HadData(db) && db.Status.Credentials.Name == step.CredentialsName(db)
}

// restoreCredentials writes the former password to a Secret, and reports that; or that there is a new one, since nothing
// has the former any more.
func restoreCredentials(secret *corev1.Secret, db *v1.Database, password []byte, now time.Time) step.Event {
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
func (r *Reconciler) boundPassword(ctx context.Context, db *v1.Database) ([]byte, error) {
	binding := &corev1.Secret{}
	err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: step.BindingName(db)}, binding)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get Secret %s: %w", step.BindingName(db), err)
	}
	password := binding.Data[step.PasswordKey]
	if err != nil || !step.Belongs(binding, db) || !metav1.IsControlledBy(binding, db) ||
		string(binding.Data[step.UsernameKey]) != db.Spec.User || len(password) > maxPassword || bytes.IndexByte(password, 0) >= 0 {
		return nil, nil
	}
	return password, nil
}

func (r *Reconciler) updateSecret(ctx context.Context, db *v1.Database, secret *corev1.Secret) error {
	before := secret.DeepCopy()
	completeSecret(secret, db, r.Clock.Now())
	if equality.Semantic.DeepEqual(before, secret) {
		return nil
	}
	changed := !bytes.Equal(before.Data[step.PasswordKey], secret.Data[step.PasswordKey])
	if changed {
		delete(secret.Annotations, annotationReplaces)
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, secret, patch); err != nil {
		return fmt.Errorf("patch Secret %s: %w", secret.Name, err)
	}
	if changed {
		r.send(db, step.Normal("PasswordChanged", "Update",
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
		// 26 characters, 130 bits.
		secret.Data[step.PasswordKey] = []byte(rand.Text())
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotationGenerated, now.UTC().Format(time.RFC3339))
	}
}
