package database

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "example.com/cnat-operator/api/database/v1"
)

const (
	usernameKey = corev1.BasicAuthUsernameKey
	passwordKey = corev1.BasicAuthPasswordKey

	// secretRecheck is how often a Secret that the user names is looked at again while it is not right. It is not
	// watched: that would take a cache of all Secrets.
	secretRecheck = 10 * time.Second
)

// credentials says where the password is, and what is wrong with it.
type credentials struct {
	ref     v1.SecretKeyReference
	problem *problem
	events  []event
	recheck time.Duration
}

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
	if secret == nil {
		created, err := r.createSecret(ctx, db)
		if err == nil {
			result.events = append(result.events, normal("CredentialsCreated", "Create",
				fmt.Sprintf("Made Secret %s with the password of user %s", created.Name, db.Spec.User)))
		}
		return result, err
	}
	if !metav1.IsControlledBy(secret, db) {
		result.problem = newProblem(v1.ReasonNameConflict,
			"Secret %s is not this Database's, and is left alone: remove or rename it, or set spec.passwordSecretRef",
			secret.Name)
		result.recheck = secretRecheck
		return result, nil
	}
	return result, r.updateSecret(ctx, db, secret)
}

// checkReferenced looks at the user's Secret, live. A server that runs has the Secret already, and costs no request.
func (r *Reconciler) checkReferenced(
	ctx context.Context, db *v1.Database, ref v1.SecretKeyReference,
) (credentials, error) {
	if ref.Key == "" {
		ref.Key = passwordKey
	}
	result := credentials{ref: ref}
	ready := meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady)
	if ready && db.Status.ObservedGeneration == db.Generation {
		return result, nil
	}
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
	}
	return result, nil
}

// checkPassword says what is wrong with the password in a Secret, which is nil where there is none.
func checkPassword(ref v1.SecretKeyReference, secret *corev1.Secret) *problem {
	if secret == nil {
		return newProblem(v1.ReasonSecretMissing, "Secret %q is not there: make it, with the password under the key %q", ref.Name, ref.Key)
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

// ownSecret returns the Secret of the name that the operator's own has, or nil. One that the cache does not show may
// still be there: just made, or without our label.
func (r *Reconciler) ownSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	key := client.ObjectKey{Namespace: db.Namespace, Name: credentialsName(db)}
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		err = r.APIReader.Get(ctx, key, secret)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key.Name, err)
	}
	return secret, nil
}

func (r *Reconciler) createSecret(ctx context.Context, db *v1.Database) (*corev1.Secret, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: credentialsName(db), Namespace: db.Namespace},
		Type:       corev1.SecretTypeBasicAuth,
	}
	completeSecret(secret, db)
	if err := controllerutil.SetControllerReference(db, secret, r.Client.Scheme()); err != nil {
		return nil, fmt.Errorf("own Secret %s: %w", secret.Name, err)
	}
	if err := r.Client.Create(ctx, secret); err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", secret.Name, err)
	}
	return secret, nil
}

func (r *Reconciler) updateSecret(ctx context.Context, db *v1.Database, secret *corev1.Secret) error {
	before := secret.DeepCopy()
	if !completeSecret(secret, db) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, secret, patch); err != nil {
		return fmt.Errorf("patch Secret %s: %w", secret.Name, err)
	}
	return nil
}

// completeSecret puts into the Secret what it must hold, and tells whether that changed it. A password that the spec
// does not give is generated once, and stays.
func completeSecret(secret *corev1.Secret, db *v1.Database) bool {
	changed := false
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	for key, value := range ownLabels(db) {
		if secret.Labels[key] != value {
			secret.Labels[key], changed = value, true
		}
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	set := func(key, value string) {
		if string(secret.Data[key]) != value {
			secret.Data[key], changed = []byte(value), true
		}
	}
	set(usernameKey, db.Spec.User)
	switch {
	case db.Spec.Password != "":
		set(passwordKey, db.Spec.Password)
	case len(secret.Data[passwordKey]) == 0:
		// 26 characters, 130 bits.
		set(passwordKey, rand.Text())
	}
	return changed
}
