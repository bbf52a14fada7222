package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/test/stored"
)

// release is what Helm stored.
type release map[string]any

func (r release) add(documents string) {
	r["manifest"] = fmt.Sprint(r["manifest"], "\n---\n", documents)
}

func (r release) set(field string, value any) {
	info, ok := r["info"].(map[string]any)
	if !ok {
		info = map[string]any{}
		r["info"] = info
	}
	info[field] = value
}

// newest is the Secret of the newest revision of a Database's release, and what it holds.
func (t *tenant) newest(ctx context.Context, name string) (*corev1.Secret, release, error) {
	secrets := &corev1.SecretList{}
	err := t.user.List(ctx, secrets, client.InNamespace(t.namespace), client.MatchingLabels{"owner": "helm", "name": name + "-database"})
	if err != nil {
		return nil, nil, err
	}
	if len(secrets.Items) == 0 {
		return nil, nil, fmt.Errorf("no release of Database %s is stored", name)
	}
	revision := func(secret corev1.Secret) int { n, _ := strconv.Atoi(secret.Labels["version"]); return n }
	secret := slices.MaxFunc(secrets.Items, func(a, b corev1.Secret) int { return revision(a) - revision(b) })
	found := release{}
	return &secret, found, stored.Decode(secret.Data["release"], &found)
}

// store writes a release into a Secret, and makes sure that it is stored.
func (t *tenant) store(ctx context.Context, secret *corev1.Secret, changed release) error {
	data, err := stored.Encode(changed)
	if err != nil {
		return err
	}
	return t.storeRaw(ctx, secret, data)
}

func (t *tenant) storeRaw(ctx context.Context, secret *corev1.Secret, data []byte) error {
	secret.Data = map[string][]byte{"release": data}
	before := secret.ResourceVersion
	write := func() error { return t.user.Update(ctx, secret) }
	if before == "" {
		write = func() error { return t.user.Create(ctx, secret) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("storing the release: %w", err)
	}
	if secret.ResourceVersion == before {
		return fmt.Errorf("the Secret %s is as it was", secret.Name)
	}
	return nil
}

// planted is the Secret of a release that the user makes up, as if the operator had.
func (t *tenant) planted(name string, revision int, status string, labels map[string]string) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.namespace, Name: stored.Name(name+"-database", revision),
			Labels: map[string]string{
				"owner": "helm", "name": name + "-database", "version": strconv.Itoa(revision), "status": status,
				"example.com/owner": name, "example.com/digest": "forged", "example.com/database": name,
				"app.kubernetes.io/part-of": "cnat-operator",
			},
		},
		Type: stored.Type,
	}
	maps.Copy(secret.Labels, labels)
	return secret
}

// newRelease is the content of such a Secret.
func (t *tenant) newRelease(name string, revision int, status, manifest string) release {
	now := time.Now().Add(-time.Minute).Format(time.RFC3339)
	return release{
		"name": name + "-database", "namespace": t.namespace, "version": revision, "manifest": manifest,
		"info":  map[string]any{"status": status, "first_deployed": now, "last_deployed": now, "description": "planted"},
		"chart": map[string]any{"metadata": map[string]any{"name": "database", "version": "0.1.0", "apiVersion": "v2"}},
	}
}

// reach is a manifest of the victim's canaries, which are there, and of what is not, there and in kube-system.
func (t *tenant) reach(name string) string {
	manifest := ""
	for _, head := range []string{
		"apiVersion: v1\nkind: ConfigMap\ndata: {canary: dead}", "apiVersion: v1\nkind: Secret\nstringData: {canary: dead}",
		"apiVersion: v1\nkind: Service\nspec: {ports: [{port: 81}]}", "apiVersion: v1\nkind: PersistentVolumeClaim",
		"apiVersion: apps/v1\nkind: StatefulSet\nspec: {replicas: 1}",
	} {
		manifest += fmt.Sprintf("---\n%s\nmetadata: {name: canary-%s, namespace: %s}\n", head, name, t.victim)
	}
	for _, namespace := range []string{t.victim, "kube-system"} {
		manifest += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: pwned-%s, namespace: %s}\n", name, namespace)
		manifest += fmt.Sprintf(`---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: pwned-%s, namespace: %s}
spec:
  replicas: 0
  selector: {matchLabels: {pwned: "yes"}}
  template:
    metadata: {labels: {pwned: "yes"}}
    spec: {containers: [{name: pwned, image: pwned}]}
`, name, namespace)
	}
	return manifest
}

// A trigger has the operator act on a release, and waits until it has.
type trigger func(ctx context.Context, t *tenant, name string) error

// drift deletes an object of the release, which the operator then makes again.
func drift(ctx context.Context, t *tenant, name string) error {
	service := &corev1.Service{}
	key := client.ObjectKey{Namespace: t.namespace, Name: name + "-database"}
	if err := t.user.Get(ctx, key, service); err != nil {
		return err
	}
	before := service.UID
	if err := t.user.Delete(ctx, service); err != nil {
		return err
	}
	return poll(ctx, "Service "+key.Name+" to be restored", patience, func() (bool, error) {
		err := t.user.Get(ctx, key, service)
		return err == nil && service.UID != before, client.IgnoreNotFound(err)
	})
}

// upgrade changes the spec, and waits until the server is upgraded.
func upgrade(ctx context.Context, t *tenant, name string) error {
	wanted := resource.MustParse("11m")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"resources":{"requests":{"cpu":"11m"}}}}`))
	db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}
	if err := t.user.Patch(ctx, db, patch); err != nil {
		return err
	}
	set := &appsv1.StatefulSet{}
	err := poll(ctx, "the StatefulSet of Database "+name+" to be changed", patience, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name + "-database"}, set)
		if err != nil || len(set.Spec.Template.Spec.Containers) == 0 {
			return false, err
		}
		return set.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().Equal(wanted), nil
	})
	if err != nil {
		return err
	}
	return t.await(ctx, name, databasev1.ConditionReady, databasev1.ConditionStalled)
}

// remove deletes the Database, and waits until it is deleted.
func remove(ctx context.Context, t *tenant, name string) error {
	db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}
	if err := t.user.Delete(ctx, db); err != nil {
		return err
	}
	return poll(ctx, "Database "+name+" to be deleted", patience, func() (bool, error) {
		_, err := t.getDatabase(ctx, name)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

// install makes the Database, after what was planted for it, and waits until it is ready or says why not.
func install(ctx context.Context, t *tenant, name string) error {
	if err := t.createDatabase(ctx, name, databasev1.DatabaseSpec{}); err != nil {
		return err
	}
	return t.await(ctx, name, databasev1.ConditionReady, databasev1.ConditionStalled)
}
