package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

const (
	shop = "shop" // the victim's Database
	rows = "1000"

	// neighbor is somebody else's Database in the user's own namespace.
	neighbor = "neighbor"
)

var neighborLabels = map[string]string{"example.com/database": neighbor}

// prepare creates what must not be reached.
func (t *tenant) prepare(ctx context.Context, tries []try) error {
	for _, one := range tries {
		for _, canary := range canaries(t.victim, one.name) {
			if err := t.admin.Create(ctx, canary); err != nil {
				return err
			}
		}
	}
	t.shop = &databasev1.Database{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.victim, Name: shop}, Spec: databasev1.DatabaseSpec{User: "app"},
	}
	bystanders := []client.Object{
		t.shop,
		&databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: neighbor}, Spec: databasev1.DatabaseSpec{User: "app"}},
		newAt(t.victim, "done", 0),
		newAt(t.victim, "later", 24*time.Hour),
		newCronTab(t.victim, yearly),
	}
	for _, object := range bystanders {
		if err := t.admin.Create(ctx, object); err != nil {
			return err
		}
	}
	err := poll(ctx, "the victim", 15*time.Minute, func() (bool, error) { return t.prepared(ctx, bystanders) })
	if err != nil {
		return err
	}
	if _, err := sql(ctx, t.victim, shop, "CREATE TABLE kept AS SELECT generate_series(1, "+rows+") AS id"); err != nil {
		return err
	}
	sleep(ctx, 5*time.Second) // for what the operator still writes
	return nil
}

// prepared reports whether all Databases are ready, and the victim's At is over.
func (t *tenant) prepared(ctx context.Context, bystanders []client.Object) (bool, error) {
	done := &cnatv1.At{}
	err := t.admin.Get(ctx, client.ObjectKeyFromObject(bystanders[2]), done)
	if err != nil || !done.Status.Finished() {
		return false, err
	}
	for _, namespace := range []string{t.victim, t.namespace} {
		list := &databasev1.DatabaseList{}
		if err := t.admin.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		for i := range list.Items {
			if !reports(&list.Items[i], databasev1.ConditionReady) {
				return false, fmt.Errorf("the Database %s is not ready", list.Items[i].Name)
			}
		}
	}
	return true, nil
}

// victimIsServed reports in what the operator does not serve the victim any more.
func (t *tenant) victimIsServed(ctx context.Context) ([]string, error) {
	var escapes []string
	at := newAt(t.victim, "served", 0)
	if err := t.admin.Create(ctx, at); err != nil {
		return nil, err
	}
	err := poll(ctx, "an At of the victim's to be over", time.Minute, func() (bool, error) {
		err := t.admin.Get(ctx, client.ObjectKeyFromObject(at), at)
		return at.Status.Finished(), err
	})
	if err != nil {
		escapes = append(escapes, "stopped: "+err.Error())
	}
	db := &databasev1.Database{}
	if err := t.admin.Get(ctx, client.ObjectKey{Namespace: t.victim, Name: shop}, db); err != nil {
		return nil, err
	}
	answer, err := sql(ctx, t.victim, shop, "SELECT count(*) FROM kept")
	if err = errors.Join(err, ctx.Err()); err != nil || answer != rows || !reports(db, databasev1.ConditionReady) {
		escapes = append(escapes, fmt.Sprintf("stopped: the victim's Database: %q %v %+v", answer, err, db.Status.Conditions))
	}
	return escapes, nil
}

// newAt is an At that runs after some time.
func newAt(namespace, name string, after time.Duration) *cnatv1.At {
	return &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       cnatv1.AtSpec{Schedule: &metav1.Time{Time: time.Now().Add(after).Truncate(time.Second)}, Run: runv1.Run{Command: "true"}},
	}
}

// canaries are the victim's objects that one try reaches for. They cost nothing: no pod comes of them.
func canaries(namespace, name string) []client.Object {
	about := metav1.ObjectMeta{Namespace: namespace, Name: "canary-" + name}
	labels := map[string]string{"canary": name}
	return []client.Object{
		&corev1.ConfigMap{ObjectMeta: about, Data: map[string]string{"canary": "alive"}},
		&corev1.Secret{ObjectMeta: about, StringData: map[string]string{"canary": "alive"}},
		&corev1.Service{ObjectMeta: about, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80}}}},
		&corev1.PersistentVolumeClaim{ObjectMeta: about, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: ptr.To(""), // it stays unbound
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			},
		}},
		&appsv1.StatefulSet{ObjectMeta: about, Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](0), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "canary", Image: "canary"}}},
			},
		}},
	}
}
