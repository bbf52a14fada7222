package database

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/values"
	"example.com/cnat-operator/internal/helm"
)

func named[T client.Object](object T, namespace, name string) T {
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// isDeleted returns an error as long as an object is there.
func isDeleted(t *testing.T, object client.Object) error {
	t.Helper()
	err := get(t, object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%s is there (%w)", object.GetName(), err)
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	op := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "wordpress").password("secret").spec(func(s *v1.DatabaseSpec) { s.Encoding = "unicode" }).create(t)

	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonStarting)
	becomeReady(t, db)
	if db.Status.Endpoint != "wordpress-database."+namespace+".svc:5432" || db.Status.Encoding != "UTF8" ||
		db.Status.Credentials.Name != "wordpress-database-credentials" || db.Status.DatabaseName != "wordpress" {
		t.Errorf("status is %+v", db.Status)
	}
	if r := db.Status.Release; r.Name != "wordpress-database" || r.Revision != 1 || r.Status != "deployed" || r.ChartVersion != "0.3.0" {
		t.Errorf("release is %+v", r)
	}
	for _, reason := range []string{"PasswordInSpec", "CredentialsCreated", "Installed", "Ready"} {
		waitEvent(t, db, reason)
	}

	t.Run("a change upgrades the release", func(t *testing.T) {
		update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
		eventually(t, "the new image", func() error {
			statefulSet := statefulSetOf(db)
			if err := get(t, statefulSet); err != nil {
				return err
			}
			if image := statefulSet.Spec.Template.Spec.Containers[0].Image; image != "example.com/postgres:18.9" {
				return fmt.Errorf("image is %s", image)
			}
			return nil
		})
		waitCondition(t, db, v1.ConditionReady, metav1.ConditionFalse, v1.ReasonStarting)
		becomeReady(t, db)
		if db.Status.Release.Revision != 2 {
			t.Errorf("release is %+v", db.Status.Release)
		}
	})

	t.Run("deleting uninstalls the release and keeps the volume claim", func(t *testing.T) {
		if err := api.Delete(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
		for _, object := range []client.Object{
			statefulSetOf(db), named(&corev1.Service{}, namespace, "wordpress-database"),
			named(&corev1.ConfigMap{}, namespace, "wordpress-database-config"),
			named(&networkingv1.NetworkPolicy{}, namespace, "wordpress-database"),
			named(&corev1.ServiceAccount{}, namespace, "wordpress-database"),
		} {
			if err := isDeleted(t, object); err != nil {
				t.Error(err)
			}
		}
		claim := named(&corev1.PersistentVolumeClaim{}, namespace, "wordpress-database-data")
		if err := get(t, claim); err != nil || claim.DeletionTimestamp != nil || len(claim.OwnerReferences) > 0 {
			t.Errorf("claim %+v: %v", claim.ObjectMeta, err)
		}
		if stored, err := op.engine.Observe(t.Context(), db, step.ReleaseName(db)); stored != nil || err != nil {
			t.Errorf("release %+v: %v", stored, err)
		}
	})

	t.Run("a Database of the same name takes the volume claim up again", func(t *testing.T) {
		claim := named(&corev1.PersistentVolumeClaim{}, namespace, "wordpress-database-data")
		// As somebody grew it by hand in the meantime, a bound claim of a class that allows that.
		update(t, claim, func() { claim.Spec.VolumeName = "pv" })
		if err := get(t, claim); err != nil {
			t.Fatal(err)
		}
		uid := claim.UID
		// The garbage collector, which is not here, removes the Secret of the first.
		secret := named(&corev1.Secret{}, namespace, "wordpress-database-credentials")
		if err := api.Delete(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		again := newDatabase(namespace, "wordpress").create(t)
		becomeReady(t, again)
		if err := get(t, claim); err != nil || claim.UID != uid || claim.Spec.VolumeName != "pv" {
			t.Errorf("claim %+v: %v", claim, err)
		}
		if err := get(t, secret); err != nil || len(secret.Data["password"]) < 20 || string(secret.Data["username"]) != "wp" {
			t.Errorf("generated password of %d bytes: %v", len(secret.Data["password"]), err)
		}
	})
}

func TestSizeOfKeptClaim(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	claim := named(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{step.LabelPartOf: step.PartOf, step.LabelDatabase: "big", "app.kubernetes.io/managed-by": "Helm"},
			Annotations: map[string]string{
				"meta.helm.sh/release-name": "big-database", "meta.helm.sh/release-namespace": namespace,
			},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceStorage: resource.MustParse("5Gi"),
			}},
		},
	}, namespace, "big-database-data")
	if err := api.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	becomeReady(t, newDatabase(namespace, "big").create(t))
	if err := get(t, claim); err != nil || claim.Spec.Resources.Requests.Storage().String() != "5Gi" {
		t.Errorf("claim %+v: %v", claim.Spec, err)
	}
}

func TestNeverAdopts(t *testing.T) {
	t.Parallel()
	t.Run("a Helm release", func(t *testing.T) {
		namespace := newNamespace(t)
		// Somebody's own release, by the same chart, for an owner of another name.
		other := newDatabase(namespace, "other").build()
		other.UID, other.TypeMeta = "1234", metav1.TypeMeta{APIVersion: "v1", Kind: "Other"}
		other.TypeMeta = metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: "Database"}
		mine := newDatabase(namespace, "mine").build()
		engine := newEngine(t, apiConfig, chartDir, func(client.Object) []helm.ID {
			return release.ChartObjects(mine)
		})
		all, err := values.For(other, v1.SecretKeyReference{Name: "s", Key: "k"}, map[string]any{"size": "1Gi"}, "image")
		if err != nil {
			t.Fatal(err)
		}
		want, err := engine.Render(other, "mine-database", all)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Install(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		startOperator(t, namespace, operatorOptions{})
		db := newDatabase(namespace, "mine").create(t)
		waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonNameConflict)
		if err := api.Delete(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
		if err := get(t, named(&appsv1.StatefulSet{}, namespace, "mine-database")); err != nil {
			t.Errorf("the other's StatefulSet: %v", err)
		}
	})

	t.Run("a Secret", func(t *testing.T) {
		namespace := newNamespace(t)
		secret := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "mine-database-credentials")
		if err := api.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		startOperator(t, namespace, operatorOptions{})
		db := newDatabase(namespace, "mine").password("secret").create(t)
		waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonNameConflict)
		if err := get(t, secret); err != nil || string(secret.Data["password"]) != "theirs" {
			t.Errorf("their Secret: %v", err)
		}
	})

	t.Run("a Secret in the binding's place, until it is removed", func(t *testing.T) {
		namespace := newNamespace(t)
		secret := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "mine-database-binding")
		if err := api.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		startOperator(t, namespace, operatorOptions{})
		db := newDatabase(namespace, "mine").create(t)
		becomeReady(t, db)
		if err := isServingWith(db, v1.ReasonNameConflict); err != nil {
			t.Error(err)
		}
		if err := api.Delete(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
	})
}
