package database

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// bindingType is the Secret's type, and bindingProvider the value of its key provider, by the Service Binding
// Specification for Kubernetes, 1.0, "Well-known Secret Entries" (https://servicebinding.io/spec/core/1.0.0).
const (
	bindingType     = "servicebinding.io/postgresql"
	bindingProvider = step.PartOf
)

// annotationPassword is set on the pod when the password changed. A kubelet brings a changed Secret into a pod about once
// a minute, and at once when the pod itself changes.
const annotationPassword = "example.com/password-changed-at"

// newBinding builds the Secret from which an application takes all that it needs to connect. The CA's certificate is
// empty where none is known.
func newBinding(db *v1.Database, password, ca []byte) *corev1.Secret {
	user, secret := percentEncoded(db.Spec.User), percentEncoded(string(password))
	uri := fmt.Sprintf("postgresql://%s:%s@%s/%s", user, secret, step.Endpoint(db), step.DatabaseName(db))
	jdbc := fmt.Sprintf("jdbc:postgresql://%s/%s?user=%s&password=%s", step.Endpoint(db), step.DatabaseName(db), user, secret)
	sslMode := "disable"
	if step.TLSEnabled(db) {
		// Of the modes that use TLS it is the one that all drivers know, and it needs no file with the CA's certificate.
		sslMode = "require"
	}
	if step.TLSEnabled(db) && db.Spec.TLS.Mode != v1.TLSOptional {
		// Drivers whose default is to go without TLS would be refused.
		uri += "?sslmode=" + sslMode
		jdbc += "&sslmode=" + sslMode
	}
	binding := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:            step.BindingName(db),
			Namespace:       db.Namespace,
			Labels:          step.OwnLabels(db),
			OwnerReferences: step.OwnedBy(db),
		},
		Type: bindingType,
		Data: map[string][]byte{
			"type":           []byte("postgresql"),
			"provider":       []byte(bindingProvider),
			"host":           []byte(step.Host(db)),
			"port":           []byte(strconv.Itoa(step.ServerPort)),
			"database":       []byte(step.DatabaseName(db)),
			step.UsernameKey: []byte(db.Spec.User),
			step.PasswordKey: password,
			"uri":            []byte(uri),
			"jdbc-url":       []byte(jdbc),
			"sslmode":        []byte(sslMode),
		},
	}
	if step.TLSEnabled(db) && len(ca) > 0 {
		binding.Data[step.CAKey], binding.Data["certificates"] = ca, ca // as Kubernetes, and as the specification names it
	}
	return binding
}

// percentEncoded encodes everything but RFC 3986's unreserved characters. Parsers differ in what else they take as it is in
// a user's name or password.
func percentEncoded(text string) string {
	var encoded strings.Builder
	for i := range len(text) {
		if b := text[i]; b < 0x80 && (unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b)) || strings.IndexByte("-._~", b) >= 0) {
			encoded.WriteByte(b)
		} else {
			fmt.Fprintf(&encoded, "%%%02X", b)
		}
	}
	return encoded.String()
}

// ensureBinding sees to it that the binding's Secret is there and up to date. It remembers the password that the server
// was last given: where that changes, the kubelet is notified first, so that it is notified again after an operator was killed.
func (r *Reconciler) ensureBinding(ctx context.Context, db *v1.Database, password, ca []byte) (*step.Problem, error) {
	want := newBinding(db, password, ca)
	have := &corev1.Secret{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(want), have)
	if apierrors.IsNotFound(err) {
		err = r.Client.Create(ctx, want)
		if !apierrors.IsAlreadyExists(err) {
			if err != nil {
				return nil, fmt.Errorf("create Secret %s: %w", want.Name, err)
			}
			return nil, nil
		}
		// One that was just created, or one without our labels.
		err = r.APIReader.Get(ctx, client.ObjectKeyFromObject(want), have)
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", want.Name, err)
	}
	if !step.Belongs(have, db) {
		return bindingConflict(have), nil
	}
	if !bytes.Equal(have.Data[step.PasswordKey], password) {
		if err := r.refreshPod(ctx, db); err != nil {
			return nil, err
		}
	}
	next := have.DeepCopy()
	next.OwnerReferences, next.Data = want.OwnerReferences, want.Data
	metav1.SetMetaDataLabel(&next.ObjectMeta, step.LabelPartOf, step.PartOf)
	if equality.Semantic.DeepEqual(have, next) {
		return nil, nil
	}
	if err := r.Client.Patch(ctx, next, client.MergeFromWithOptions(have, client.MergeFromWithOptimisticLock{})); err != nil {
		return nil, fmt.Errorf("patch Secret %s: %w", want.Name, err)
	}
	return nil, nil
}

// bindingConflict does not keep the server from serving.
func bindingConflict(secret *corev1.Secret) *step.Problem {
	found := step.NewProblem(v1.ReasonNameConflict, "Secret %s is not this Database's, and is left alone: remove or rename it, "+
		"so that there can be a service binding", secret.Name)
	found.Serving = true
	return found
}

// refreshPod has the kubelet look at the server's pod again.
func (r *Reconciler) refreshPod(ctx context.Context, db *v1.Database) error {
	pod := &corev1.Pod{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: step.PodName(db)}, pod)
	if apierrors.IsNotFound(err) {
		return nil // One that is made from now on gets the new password.
	}
	if err != nil {
		return fmt.Errorf("get pod: %w", err)
	}
	before := pod.DeepCopy()
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, annotationPassword, r.Clock.Now().UTC().Format(time.RFC3339Nano))
	if err := r.Client.Patch(ctx, pod, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("notify the kubelet of the new password: %w", err)
	}
	return nil
}
