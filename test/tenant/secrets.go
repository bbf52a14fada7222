package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// secretTries write what else a Database's user may: Secrets, labels, owner references, claims, ConfigMaps, and the spec.
func secretTries() []try {
	return []try{
		{name: "credentials-replaced", database: true, run: credentialsReplaced},
		{name: "binding-replaced", database: true, run: bindingReplaced},
		{name: "labels-foreign", run: labelsForeign},
		{name: "owners-planted", database: true, run: ownersPlanted},
		{name: "config-replaced", database: true, run: configReplaced},
		{name: "claim-planted", run: claimPlanted},
		{name: "backup-template", run: backupTemplate},
		{name: "backup-claim-of-neighbor", run: restoreOfNeighbor},
		{name: "secret-paths", run: secretPaths},
		{name: "names-collide", run: namesCollide},
	}
}

// edit changes an object of the user's, and makes sure that it is changed.
func (t *tenant) edit(ctx context.Context, object client.Object, name string, change func()) error {
	return poll(ctx, "an edit of "+name, time.Minute, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name}, object)
		if err != nil {
			return false, err
		}
		change()
		return t.user.Update(ctx, object) == nil, nil
	})
}

// credentialsReplaced makes the credentials another Database's, and has the Database deleted with its data.
func credentialsReplaced(ctx context.Context, t *tenant, name string) error {
	secret := &corev1.Secret{}
	err := t.edit(ctx, secret, name+"-database-credentials", func() {
		secret.Labels["example.com/database"] = neighbor
		secret.Data["password"], secret.Data["username"] = []byte("pwned"), []byte("postgres")
		secret.OwnerReferences = []metav1.OwnerReference{t.shopOwns()}
	})
	if err != nil {
		return err
	}
	err = t.edit(ctx, &databasev1.Database{}, name, func() {})
	if err != nil {
		return err
	}
	return deleteWithData(ctx, t, name)
}

func deleteWithData(ctx context.Context, t *tenant, name string) error {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"deletionPolicy":"Delete"}}`))
	db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}
	if err := t.user.Patch(ctx, db, patch); err != nil {
		return err
	}
	return remove(ctx, t, name)
}

// bindingReplaced leads the binding elsewhere, and waits until it is corrected.
func bindingReplaced(ctx context.Context, t *tenant, name string) error {
	secret := &corev1.Secret{}
	key := name + "-database-binding"
	err := t.edit(ctx, secret, key, func() {
		secret.Data["host"] = []byte(shop + "-database." + t.victim + ".svc")
		secret.OwnerReferences = []metav1.OwnerReference{t.shopOwns()}
		secret.Labels["example.com/retained"] = "true"
	})
	if err != nil {
		return err
	}
	err = poll(ctx, "Secret "+key+" to be corrected", patience, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: key}, secret)
		return err == nil && !strings.Contains(string(secret.Data["host"]), t.victim), client.IgnoreNotFound(err)
	})
	return errors.Join(err, deleteWithData(ctx, t, name))
}

// labelsForeign puts the labels of the victim's Database, and of none, on objects of all kinds that the operator watches.
func labelsForeign(ctx context.Context, t *tenant, name string) error {
	for _, object := range canaries(t.namespace, name) {
		object.SetLabels(map[string]string{
			"example.com/database": shop, "app.kubernetes.io/part-of": "cnat-operator", "app.kubernetes.io/managed-by": "cnat-operator",
			"app.kubernetes.io/instance": shop + "-database", "app.kubernetes.io/component": "database",
		})
		object.SetAnnotations(map[string]string{
			"meta.helm.sh/release-name": shop + "-database", "meta.helm.sh/release-namespace": t.victim,
		})
		object.SetOwnerReferences([]metav1.OwnerReference{t.shopOwns()})
		if err := t.user.Create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// ownersPlanted makes the victim's Database, and a namespace, owners of what the user's Database has; and drifts it.
func ownersPlanted(ctx context.Context, t *tenant, name string) error {
	namespace := &corev1.Namespace{}
	if err := t.admin.Get(ctx, client.ObjectKey{Name: t.victim}, namespace); err != nil {
		return err
	}
	for _, object := range []client.Object{&corev1.ServiceAccount{}, &corev1.ConfigMap{}, &corev1.PersistentVolumeClaim{}} {
		suffix := map[bool]string{true: "-config"}[fmt.Sprintf("%T", object) == "*v1.ConfigMap"]
		if _, ok := object.(*corev1.PersistentVolumeClaim); ok {
			suffix = "-data"
		}
		err := t.edit(ctx, object, name+"-database"+suffix, func() {
			object.SetOwnerReferences([]metav1.OwnerReference{
				{APIVersion: "v1", Kind: "Namespace", Name: namespace.Name, UID: namespace.UID},
			})
			object.SetFinalizers(append(object.GetFinalizers(), "example.com/pwned"))
		})
		if err != nil {
			return err
		}
		defer func() {
			_ = t.edit(ctx, object, object.GetName(), func() { object.SetFinalizers(nil) })
		}()
	}
	return drift(ctx, t, name)
}

// configReplaced changes the server's scripts, and waits until they are corrected.
func configReplaced(ctx context.Context, t *tenant, name string) error {
	config := &corev1.ConfigMap{}
	key := name + "-database-config"
	if err := t.edit(ctx, config, key, func() { config.Data["start.sh"] = "echo pwned" }); err != nil {
		return err
	}
	return poll(ctx, "ConfigMap "+key+" to be corrected", patience, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: key}, config)
		return err == nil && config.Data["start.sh"] != "echo pwned", err
	})
}

// claimPlanted makes the claim before the Database, with a name and marks that lead to the victim's volume.
func claimPlanted(ctx context.Context, t *tenant, name string) error {
	victim := &corev1.PersistentVolumeClaim{}
	if err := t.admin.Get(ctx, client.ObjectKey{Namespace: t.victim, Name: shop + "-database-data"}, victim); err != nil {
		return err
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.namespace, Name: name + "-database-data", Labels: victim.Labels, Annotations: victim.Annotations,
			OwnerReferences: []metav1.OwnerReference{t.shopOwns()},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: victim.Spec.AccessModes, Resources: victim.Spec.Resources,
			StorageClassName: victim.Spec.StorageClassName, VolumeName: victim.Spec.VolumeName,
		},
	}
	claim.Labels["example.com/database"], claim.Labels["example.com/retained"] = name, "true"
	if err := t.user.Create(ctx, claim); err != nil {
		return err
	}
	if err := install(ctx, t, name); err != nil {
		return err
	}
	return deleteWithData(ctx, t, name)
}

// backupTemplate changes the CronJob, and asks for a backup before that is corrected: the Job must not be of its template.
func backupTemplate(ctx context.Context, t *tenant, name string) error {
	if err := t.createDatabase(ctx, name, databasev1.DatabaseSpec{Backup: &databasev1.DatabaseBackup{}}); err != nil {
		return err
	}
	if err := t.await(ctx, name, databasev1.ConditionReady); err != nil {
		return err
	}
	cronJob := &batchv1.CronJob{}
	err := t.edit(ctx, cronJob, name+"-backup", func() {
		pod := &cronJob.Spec.JobTemplate.Spec.Template.Spec
		pod.Containers[0].Image, pod.ServiceAccountName = "pwned", "pwned"
	})
	if err != nil {
		return err
	}
	db := &databasev1.Database{}
	request := func() { metav1.SetMetaDataAnnotation(&db.ObjectMeta, databasev1.AnnotationBackupRequest, "now") }
	if err := t.edit(ctx, db, name, request); err != nil {
		return err
	}
	jobs := &batchv1.JobList{}
	err = poll(ctx, "a backup of Database "+name, patience, func() (bool, error) {
		err := t.user.List(ctx, jobs, client.InNamespace(t.namespace), client.MatchingLabels{"example.com/database": name})
		return len(jobs.Items) > 0, err
	})
	for i := range jobs.Items {
		if pod := jobs.Items[i].Spec.Template.Spec; pod.ServiceAccountName == "pwned" || pod.Containers[0].Image == "pwned" {
			t.escaped("obeyed: Job %s is of a template that the user wrote", jobs.Items[i].Name)
		}
	}
	return err
}

// restoreOfNeighbor begins with what is no backup of a Database: another's data, by the name of the claim.
func restoreOfNeighbor(ctx context.Context, t *tenant, name string) error {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.namespace, Name: "pwned-backup", Labels: map[string]string{"example.com/database": neighbor},
			OwnerReferences: []metav1.OwnerReference{t.shopOwns()},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			},
		},
	}
	if err := t.user.Create(ctx, claim); err != nil {
		return err
	}
	spec := databasev1.DatabaseSpec{DeletionPolicy: databasev1.DeletionDelete}
	spec.RestoreFrom.Database = "pwned"
	if err := t.createDatabase(ctx, name, spec); err != nil {
		return err
	}
	err := poll(ctx, "Database "+name+" to report", patience, func() (bool, error) {
		db, err := t.getDatabase(ctx, name)
		return err == nil && len(db.Status.Conditions) > 0, err
	})
	if err != nil {
		return err
	}
	return remove(ctx, t, name)
}

// secretPaths names Secrets and dumps by paths that lead out of the namespace. What the API server takes is Stalled.
func secretPaths(ctx context.Context, t *tenant, name string) error {
	path := "../../" + t.victim + "/secrets/canary-" + name
	specs := map[string]databasev1.DatabaseSpec{
		"password": {PasswordSecretRef: databasev1.SecretKeyReference{Name: path, Key: "canary"}},
		"tls":      {ServerOptions: databasev1.ServerOptions{TLS: databasev1.DatabaseTLS{SecretName: path}}},
		"restore":  {RestoreFrom: databasev1.DatabaseRestore{Database: path}},
		"dump":     {RestoreFrom: databasev1.DatabaseRestore{Database: "a", Dump: "../../../etc"}},
	}
	for what, spec := range specs {
		err := t.createDatabase(ctx, name+"-"+what, spec)
		if apierrors.IsInvalid(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := t.await(ctx, name+"-"+what, databasev1.ConditionStalled); err != nil {
			return err
		}
	}
	return nil
}

// namesCollide makes Databases whose objects would be called as the neighbor's are, and as the user's own are.
func namesCollide(ctx context.Context, t *tenant, name string) error {
	for _, object := range canaries(t.namespace, "x") {
		object.SetName(name + "-database")
		if err := t.user.Create(ctx, object); err != nil {
			return err
		}
	}
	if err := install(ctx, t, name); err != nil {
		return err
	}
	if err := deleteWithData(ctx, t, name); err != nil {
		return err
	}
	for _, object := range canaries(t.namespace, "x") {
		object.SetName(name + "-database")
		if err := t.user.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			t.escaped("deleted: %T %s, which was there before Database %s: %v", object, object.GetName(), name, err)
		}
	}
	return nil
}
