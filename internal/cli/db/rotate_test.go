package db

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

func TestRotate(t *testing.T) {
	namespace := newNamespace(t)
	const name = "shop-database-credentials"
	db := newDatabase(t, namespace, "shop", v1.DatabaseSpec{User: "wp"}, v1.DatabaseStatus{Message: "not yet"})
	fails(t, "database/shop has no password yet: not yet", namespace, "rotate", "shop")

	writeStatus(t, db, v1.DatabaseStatus{Credentials: v1.SecretKeyReference{Name: name, Key: "password"}})
	fails(t, `secrets "`+name+`" not found`, namespace, "rotate", "shop")

	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{dbname.LabelDatabase: "shop"}},
		StringData: map[string]string{"username": "wp", "password": "old"},
	}
	create(t, secret)
	fails(t, "was not created by the operator", namespace, "rotate", "shop")

	secret.Labels[dbname.LabelManagedBy] = dbname.Operator
	if err := api.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	reader := user(t, namespace, databases("get"), rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}})
	fails(t, `cannot patch resource "secrets"`, namespace, "rotate", "shop", reader)

	got := succeeds(t, namespace, "rotate", "shop")
	get(t, secret)
	password := string(secret.Data["password"])
	if len(password) != 26 || string(secret.Data["username"]) != "wp" {
		t.Errorf("the Secret has %q", secret.Data)
	}
	if at := secret.Annotations[dbname.AnnotationGenerated]; at != "2027-07-03T12:00:00Z" {
		t.Errorf("generated at %q: the schedule counts from then", at)
	}
	contains(t, got, "The Secret "+name+" has a new password.")
	if strings.Contains(got, password) {
		t.Errorf("the password is in %q", got)
	}
}

func TestRotateLeavesUsersPasswords(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "inline", v1.DatabaseSpec{User: "wp", Password: "mine"}, v1.DatabaseStatus{
		Credentials: v1.SecretKeyReference{Name: "inline-database-credentials", Key: "password"},
	})
	newDatabase(t, namespace, "named", v1.DatabaseSpec{User: "wp", PasswordSecretRef: v1.SecretKeyReference{Name: "mine"}},
		v1.DatabaseStatus{Credentials: v1.SecretKeyReference{Name: "mine", Key: "password"}})
	fails(t, "is yours: change spec.password", namespace, "rotate", "inline")
	fails(t, "is yours: change it in the Secret mine", namespace, "rotate", "named")
}
