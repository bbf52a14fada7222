// Package credentials sees to the Secret with the password: the user's, or one of the operator's own.
package credentials

import (
	"bytes"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// Observed is what there is of the password.
type Observed struct {
	// Secret is the one that Ref names; nil: it is not there.
	Secret *corev1.Secret
	// Binding is read where the operator's own Secret was deleted: it may have the former password.
	Binding *corev1.Secret
}

// Decision says what the password is, what is wrong with it, and what is to be written.
type Decision struct {
	// Password is only ever written to Secrets.
	Password []byte
	Problem  *step.Problem
	// Replaced is when the password was generated anew since the Secret with the one before was deleted; zero: it was not.
	Replaced time.Time
	Events   []step.Event
	Recheck  time.Duration

	// before is what was read, and after what it is to be; nil: nothing is to be written.
	before, after *corev1.Secret
	// written reports the write.
	written []step.Event
}

// Usable reports whether the release may be installed with the password.
func (d *Decision) Usable() bool { return d.Problem == nil || d.Problem.Serving }

// isOwn reports whether the Secret is the operator's, and not one that the spec names.
func isOwn(db *v1.Database) bool { return db.Spec.PasswordSecretRef.Name == "" }

// Ref is where the password is.
func Ref(db *v1.Database) v1.SecretKeyReference {
	ref := db.Spec.PasswordSecretRef
	switch {
	case isOwn(db):
		return v1.SecretKeyReference{Name: step.CredentialsName(db), Key: step.PasswordKey}
	case ref.Key == "":
		ref.Key = step.PasswordKey
	}
	return ref
}

// Observe reads the Secret. A user's is read live: it is not in the cache, which would have to hold all Secrets then.
func Observe(ctx context.Context, cached, live client.Reader, db *v1.Database) (seen Observed, err error) {
	readers := []client.Reader{live}
	if isOwn(db) {
		readers = []client.Reader{cached, live}
	}
	seen.Secret, err = step.FindSecret(ctx, db, Ref(db).Name, readers...)
	if err == nil && seen.Secret == nil && mayRestore(db) {
		seen.Binding, err = step.FindSecret(ctx, db, step.BindingName(db), live)
	}
	return seen, err
}

// Decide checks the password of a user's Secret, and completes the operator's own.
func Decide(db *v1.Database, seen Observed, generate func() string, now time.Time) Decision {
	ref, d := Ref(db), Decision{}
	secret := seen.Secret
	if !isOwn(db) {
		d.Recheck = step.SecretPoll
		if d.Problem = checkPassword(ref, secret); d.Problem != nil {
			d.Recheck = step.SecretRecheck
			d.Problem.Serving = isServed(db, ref)
			return d
		}
		d.Password = secret.Data[ref.Key]
		return d
	}
	if db.Spec.Password != "" && db.Status.ObservedGeneration != db.Generation {
		d.Events = append(d.Events, step.Warning("PasswordInSpec", "Copy", fmt.Sprintf(
			"Whoever reads this Database reads its password. It was copied to Secret %s: "+
				"set spec.passwordSecretRef to a Secret and remove spec.password.", ref.Name)))
	}
	if secret != nil && !step.Belongs(secret, db) {
		d.Problem = step.NewProblem(v1.ReasonNameConflict,
			"Secret %s is not this Database's, and is left alone: remove or rename it, or set spec.passwordSecretRef", ref.Name)
		d.Recheck = step.SecretRecheck
		return d
	}
	secret = d.complete(db, seen, generate, now)
	if d.Problem = checkPassword(ref, secret); d.Problem != nil {
		d.Problem.Serving = isServed(db, ref)
		return d // Its events report a change.
	}
	d.Password = secret.Data[step.PasswordKey]
	d.Recheck = untilRotation(db, secret, now)
	if secret.Annotations[annotationReplaces] != "" {
		d.Replaced = generated(secret)
	}
	return d
}

// complete returns the operator's Secret as it is to be, and notes what is to be written for that.
func (d *Decision) complete(db *v1.Database, seen Observed, generate func() string, now time.Time) *corev1.Secret {
	if seen.Secret == nil {
		var created step.Event
		d.after, created = newSecret(db, seen.Binding, generate, now)
		d.written = []step.Event{created}
		return d.after
	}
	secret := seen.Secret.DeepCopy()
	completeSecret(secret, db, generate, now)
	if equality.Semantic.DeepEqual(seen.Secret, secret) {
		return secret
	}
	if !bytes.Equal(seen.Secret.Data[step.PasswordKey], secret.Data[step.PasswordKey]) {
		delete(secret.Annotations, annotationReplaces)
		d.written = []step.Event{step.Normal("PasswordChanged", "Update",
			fmt.Sprintf("Secret %s has a new password of user %s", secret.Name, db.Spec.User))}
	}
	d.before, d.after = seen.Secret, secret
	return secret
}

// Act writes the Secret. Where that fails, nothing is known of the password.
func (d *Decision) Act(ctx context.Context, c client.Client) error {
	if err := step.WriteSecret(ctx, c, d.before, d.after); err != nil {
		*d = Decision{Events: d.Events}
		return err
	}
	d.Events = append(d.written, d.Events...)
	return nil
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
