package database

import (
	"bytes"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/dbname"
)

const (
	// annotationGenerated is on a Secret with a generated password, and says when that was made.
	annotationGenerated = dbname.AnnotationGenerated
)

// credentials says where the password is, what it is, and what is wrong with it.
type credentials struct {
	ref v1.SecretKeyReference
	// password is only ever written to Secrets.
	password []byte
	problem  *step.Problem
	// replaced is when the password was generated anew since the Secret with the one before was deleted; zero: it was not.
	replaced time.Time
	events   []step.Event
	recheck  time.Duration
}

// usable reports whether the release may be made with them.
func (c *credentials) usable() bool { return c.problem == nil || c.problem.Serving }

// ensureCredentials sees to it that a Secret with the password is there: the one that the spec names, or one of ours.
func (r *Reconciler) ensureCredentials(ctx context.Context, db *v1.Database) (credentials, error) {
	if ref := db.Spec.PasswordSecretRef; ref.Name != "" {
		return r.checkReferenced(ctx, db, ref)
	}
	result := credentials{ref: v1.SecretKeyReference{Name: step.CredentialsName(db), Key: step.PasswordKey}}
	if db.Spec.Password != "" && db.Status.ObservedGeneration != db.Generation {
		result.events = append(result.events, step.Warning("PasswordInSpec", "Copy", fmt.Sprintf(
			"Whoever reads this Database reads its password. It was copied to Secret %s: "+
				"set spec.passwordSecretRef to a Secret and remove spec.password.", result.ref.Name)))
	}
	secret, err := r.ownSecret(ctx, db)
	if err != nil {
		return result, err
	}
	if !step.Belongs(secret, db) {
		result.problem = step.NewProblem(v1.ReasonNameConflict,
			"Secret %s is not this Database's, and is left alone: remove or rename it, or set spec.passwordSecretRef",
			secret.Name)
		result.recheck = step.SecretRecheck
		return result, nil
	}
	if err := r.updateSecret(ctx, db, secret); err != nil {
		return result, err
	}
	if result.problem = checkPassword(result.ref, secret); result.problem != nil {
		result.problem.Serving = isServed(db, result.ref)
		return result, nil // Its events report a change.
	}
	result.password = secret.Data[step.PasswordKey]
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
		ref.Key = step.PasswordKey
	}
	result := credentials{ref: ref, recheck: step.SecretPoll}
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
		result.recheck = step.SecretRecheck
		result.problem.Serving = isServed(db, ref)
		return result, nil
	}
	result.password = secret.Data[ref.Key]
	return result, nil
}

// isServed reports whether a server runs, which has the password from when the Secret was right.
func isServed(db *v1.Database, ref v1.SecretKeyReference) bool {
	return db.Status.Credentials == ref && meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady)
}

// checkPassword says what is wrong with the password in a Secret, which is nil where there is none.
func checkPassword(ref v1.SecretKeyReference, secret *corev1.Secret) *step.Problem {
	if secret == nil {
		return step.NewProblem(v1.ReasonSecretMissing, "Secret %q is not there: create it, with the password under the key %q", ref.Name, ref.Key)
	}
	password, found := secret.Data[ref.Key]
	switch {
	case !found:
		return step.NewProblem(v1.ReasonSecretMissing, "Secret %q has no key %q: add it, or name another in spec.passwordSecretRef.key", ref.Name, ref.Key)
	case len(password) == 0:
		return step.NewProblem(v1.ReasonSecretInvalid, "the key %q of Secret %q is empty: put a password there", ref.Key, ref.Name)
	case bytes.IndexByte(password, 0) >= 0:
		return step.NewProblem(v1.ReasonSecretInvalid, "the key %q of Secret %q holds a NUL byte, which PostgreSQL can't take: remove it", ref.Key, ref.Name)
	}
	return nil
}

// maxPassword is the longest password that the operator creates or copies.
const maxPassword = 256

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

// generated is when the password in the Secret was made, by the Secret's own age where it does not say.
func generated(secret *corev1.Secret) time.Time {
	if at, err := time.Parse(time.RFC3339, secret.Annotations[annotationGenerated]); err == nil {
		return at
	}
	return secret.CreationTimestamp.Time
}
