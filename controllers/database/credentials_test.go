package database

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

func TestMissingSecretIsMended(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "ref").secretRef("mine", "pw").create(t)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonSecretMissing)
	if note := waitEvent(t, db, v1.ReasonSecretMissing); !strings.Contains(note, "mine") || !strings.Contains(note, "pw") {
		t.Errorf("the event does not name Secret and key: %s", note)
	}
	if err := isDeleted(t, statefulSetOf(db)); err != nil {
		t.Error(err)
	}
	secret := named(&corev1.Secret{Data: map[string][]byte{"pw": []byte("a\x00b")}}, namespace, "mine")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonSecretInvalid)
	update(t, secret, func() { secret.Data["pw"] = []byte("good") })
	becomeReady(t, db)
	if db.Status.Credentials != (v1.SecretKeyReference{Name: "mine", Key: "pw"}) {
		t.Errorf("credentials are %+v", db.Status.Credentials)
	}
	source := statefulSetOf(db)
	if err := get(t, source); err != nil {
		t.Fatal(err)
	}
	for _, volume := range source.Spec.Template.Spec.Volumes {
		if volume.Secret != nil && (volume.Secret.SecretName != "mine" || volume.Secret.Items[0].Key != "pw") {
			t.Errorf("the pod takes the password from %+v", volume.Secret)
		}
	}
}

func TestPasswordChangesReachTheSecret(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "change").password("one").create(t)
	becomeReady(t, db)
	update(t, db, func() { db.Spec.Password = "two" })
	secret := named(&corev1.Secret{}, namespace, "change-database-credentials")
	is := func(want string) func() error {
		return func() error {
			if err := get(t, secret); err != nil || string(secret.Data["password"]) != want {
				return fmt.Errorf("not %s: %w", want, err)
			}
			return nil
		}
	}
	eventually(t, "the new password", is("two"))
	update(t, secret, func() { secret.Data["password"] = []byte("by hand") })
	eventually(t, "the spec's password again", is("two"))
	if err := get(t, db); err != nil || db.Status.Release.Revision != 1 {
		t.Errorf("a new password is no new revision: %+v, %v", db.Status.Release, err)
	}
}

// A generated password that is deleted comes back from the binding. Where it is lost, that is said.
func TestDeletedCredentials(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	op := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	_, secret := dataObjects(db)
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	first := string(secret.Data[step.PasswordKey])
	isRemade(t, secret)
	waitEvent(t, db, "CredentialsRestored")
	if err := get(t, secret); err != nil || string(secret.Data[step.PasswordKey]) != first {
		t.Errorf("the password is another, while the binding had it: %v", err)
	}

	// With the binding gone as well, or changed, there is nothing to take it from.
	op.stop()
	for _, object := range []*corev1.Secret{secret, bindingOf(db)} {
		if err := api.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	startOperator(t, namespace, operatorOptions{})
	if note := waitEvent(t, db, "PasswordReplaced"); !strings.Contains(note, "shop-database-credentials was deleted") {
		t.Error(note)
	}
	eventually(t, "the condition to say so", func() error {
		if err := get(t, db); err != nil || !strings.Contains(meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady).Message, "its password is a new one since") {
			return fmt.Errorf("%+v: %w", db.Status.Conditions, err)
		}
		return nil
	})
}

// The password is in Secrets of the operator or the user, and nowhere else.
func TestSecrecy(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	var logged logBuffer
	// From verbosity 8 on client-go logs the bodies of all requests, whoever sends them.
	logger := logr.FromSlogHandler(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.Level(-7)}))
	startOperator(t, namespace, operatorOptions{logger: logger})
	const password = "Tr0ub4dor-and-3"
	db := newDatabase(namespace, "secret").password(password).create(t)
	becomeReady(t, db)
	update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
	becomeReady(t, db)
	places := map[string]string{"log": logged.String()}
	for revision := range 2 {
		name := fmt.Sprintf("sh.helm.release.v1.secret-database.v%d", revision+1)
		places["release Secret "+name] = encoded(t, readStored(t, named(&corev1.Secret{}, namespace, name)))
	}
	db.Spec.Password = ""
	delete(db.Annotations, corev1.LastAppliedConfigAnnotation)
	places["status and the rest of the Database"] = encoded(t, db)
	for _, list := range []client.ObjectList{
		&appsv1.StatefulSetList{}, &corev1.ConfigMapList{}, &corev1.ServiceList{}, &corev1.EventList{},
		&corev1.PersistentVolumeClaimList{}, &corev1.ServiceAccountList{},
	} {
		if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		places[fmt.Sprintf("%T", list)] = encoded(t, list)
	}
	for place, text := range places {
		if strings.Contains(text, password) {
			t.Errorf("the password is in the %s", place)
		}
	}
	if !strings.Contains(logged.String(), "Starting workers") {
		t.Error("the log was not caught")
	}
}
