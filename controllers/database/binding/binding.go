// Package binding sees to the Secret from which an application takes all that it needs to connect.
package binding

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

// newSecret builds the Secret from which an application takes all that it needs to connect. The CA's certificate is
// empty where none is known.
func newSecret(db *v1.Database, password, ca []byte) *corev1.Secret {
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

// Observed is what there is of the binding.
type Observed struct {
	// Secret is the binding; nil: it is not there.
	Secret *corev1.Secret
	// Pod is the server's; nil: it is not there.
	Pod *corev1.Pod
}

// Decision says what is to be written, and what is in the way of it.
type Decision struct {
	Problem *step.Problem
	Recheck time.Duration

	// before is what was read, and after what it is to be; nil: nothing is to be written.
	before, after *corev1.Secret
	// pod is as it was read, where the kubelet is to be notified, which is done by the annotation.
	pod      *corev1.Pod
	notified string
}

// Observe reads the Secret and the pod.
func Observe(ctx context.Context, cached, live client.Reader, db *v1.Database) (seen Observed, err error) {
	seen.Secret, err = step.FindSecret(ctx, db, step.BindingName(db), cached, live)
	if err == nil {
		seen.Pod, err = step.Find[corev1.Pod](ctx, "pod", db.Namespace, step.PodName(db), cached)
	}
	return seen, err
}

// Decide brings the Secret up to date. It remembers the password that the server was last given: where that changes,
// the kubelet is to be notified.
func Decide(db *v1.Database, seen Observed, password, ca []byte, now time.Time) Decision {
	want, have := newSecret(db, password, ca), seen.Secret
	if have == nil {
		return Decision{after: want}
	}
	if !step.Belongs(have, db) {
		found := step.NewProblem(v1.ReasonNameConflict, "Secret %s is not this Database's, and is left alone: remove or rename it, "+
			"so that there can be a service binding", have.Name)
		found.Serving = true
		return Decision{Problem: found, Recheck: step.SecretRecheck}
	}
	var d Decision
	if !bytes.Equal(have.Data[step.PasswordKey], password) {
		// A pod that is created from now on gets the new password.
		d.pod, d.notified = seen.Pod, now.UTC().Format(time.RFC3339Nano)
	}
	next := have.DeepCopy()
	next.OwnerReferences, next.Data = want.OwnerReferences, want.Data
	metav1.SetMetaDataLabel(&next.ObjectMeta, step.LabelPartOf, step.PartOf)
	if !equality.Semantic.DeepEqual(have, next) {
		d.before, d.after = have, next
	}
	return d
}

// Act notifies the kubelet and then writes the Secret, so that it is notified again after an operator was killed.
func (d *Decision) Act(ctx context.Context, c client.Client) error {
	if d.pod != nil {
		pod := d.pod.DeepCopy()
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, annotationPassword, d.notified)
		if err := c.Patch(ctx, pod, client.MergeFrom(d.pod)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("notify the kubelet of the new password: %w", err)
		}
	}
	return step.WriteSecret(ctx, c, d.before, d.after)
}
