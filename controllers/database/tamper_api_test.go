package database

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/values"
)

// victims are objects that no release may touch: of another namespace, of a kind that the chart does not have, and of one
// that it has by another name.
func victims(t *testing.T, namespace, other string) []client.Object {
	t.Helper()
	all := []client.Object{
		named(&corev1.ConfigMap{}, other, "theirs"),
		named(&corev1.ConfigMap{}, other, "shop-database-config"),
		named(&corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}, other, "shop-database"),
		named(&corev1.Secret{}, namespace, "theirs"),
		named(&corev1.ConfigMap{}, namespace, "theirs"),
		named(&corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}, namespace, "theirs"),
	}
	for _, object := range all {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// untouched reports whether objects are as they were created.
func untouched(t *testing.T, objects []client.Object) error {
	t.Helper()
	for _, object := range objects {
		live := object.DeepCopyObject().(client.Object)
		if err := get(t, live); err != nil || live.GetResourceVersion() != object.GetResourceVersion() || live.GetDeletionTimestamp() != nil {
			return fmt.Errorf("%T %s/%s was touched (%w)", object, object.GetNamespace(), object.GetName(), err)
		}
	}
	return nil
}

// hostile is what a release is made to hold: the victims, and what would be new in their places.
func hostile(t *testing.T, victims []client.Object, namespace, other string) string {
	t.Helper()
	pwned := []client.Object{
		named(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
			},
		}}, other, "pwned"),
		named(&corev1.ConfigMap{}, other, "pwned"), named(&corev1.Secret{}, namespace, "pwned"), named(&corev1.ConfigMap{}, namespace, "pwned"),
	}
	var text strings.Builder
	for _, object := range slices.Concat(victims, pwned) {
		object := object.DeepCopyObject().(client.Object)
		gvk, err := api.GroupVersionKindFor(object)
		if err != nil {
			t.Fatal(err)
		}
		object.GetObjectKind().SetGroupVersionKind(gvk)
		object.SetResourceVersion("")
		object.SetUID("")
		object.SetAnnotations(map[string]string{"tampered": "true"})
		encoded, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("\n---\n# Source: database/templates/x.yaml\n" + string(encoded))
	}
	return text.String()
}

// pwned reports whether an object that only the tampered release had is there.
func pwned(t *testing.T, namespace, other string) error {
	t.Helper()
	return errors.Join(
		isDeleted(t, named(&appsv1.StatefulSet{}, other, "pwned")), isDeleted(t, named(&corev1.ConfigMap{}, other, "pwned")),
		isDeleted(t, named(&corev1.Secret{}, namespace, "pwned")), isDeleted(t, named(&corev1.ConfigMap{}, namespace, "pwned")),
	)
}

func storedOf(db *v1.Database, revision int) string {
	return fmt.Sprintf("sh.helm.release.v1.%s.v%d", step.ReleaseName(db), revision)
}

// A user who may write Secrets in one namespace gains nothing by writing Helm's: neither by a repair, nor by an upgrade,
// nor by an uninstall, in whatever state the release is.
func TestTamperedReleaseIsNotObeyed(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"deployed", "failed", "pending-upgrade", "uninstalling", "superseded", "uninstalled", "nonsense"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			namespace, other := newNamespace(t), newNamespace(t)
			startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "shop").create(t)
			becomeReady(t, db)
			theirs := victims(t, namespace, other)
			text := hostile(t, theirs, namespace, other)
			edit := func(stored map[string]any) {
				stored["manifest"] = stored["manifest"].(string) + text
				stored["hooks"] = []any{map[string]any{
					"name": "h", "kind": "ConfigMap", "path": "h.yaml", "events": []any{"pre-upgrade", "pre-delete", "post-delete"},
					"manifest": fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pwned, namespace: %s}\n", other),
				}}
				stored["info"].(map[string]any)["status"] = status
			}
			tamper(t, namespace, storedOf(db, 1), edit)

			// A repair.
			service := named(&corev1.Service{}, namespace, step.ReleaseName(db))
			if err := api.Delete(t.Context(), service); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the Service", func() error { return ownedBy(t, service, db) })
			eventually(t, "the release to be replaced", func() error {
				if err := get(t, db); err != nil || db.Status.Release.Revision != 2 || db.Status.Release.Status != "deployed" {
					return fmt.Errorf("release %+v (%w)", db.Status.Release, err)
				}
				return isDeleted(t, named(&corev1.Secret{}, namespace, storedOf(db, 1)))
			})
			// An upgrade.
			tamper(t, namespace, storedOf(db, 2), edit)
			update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
			eventually(t, "the upgrade", func() error {
				if err := get(t, db); err != nil || db.Status.Release.Revision != 3 || db.Status.Release.Status != "deployed" {
					return fmt.Errorf("release %+v (%w)", db.Status.Release, err)
				}
				return nil
			})
			// An uninstall.
			tamper(t, namespace, storedOf(db, 3), edit)
			if err := api.Delete(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
			if err := errors.Join(isDeleted(t, statefulSetOf(db)), untouched(t, theirs), pwned(t, namespace, other)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A release that is planted before there is the Database, as is or copied from another namespace, is replaced, and what it
// says is left alone.
func TestPlantedRelease(t *testing.T) {
	t.Parallel()
	source := newNamespace(t)
	first := startOperator(t, source, operatorOptions{})
	prod := newDatabase(source, "shop").create(t)
	becomeReady(t, prod)
	first.stop()
	original := named(&corev1.Secret{}, source, storedOf(prod, 1))
	stored := readStored(t, original)
	bomb := map[string]any{"manifest": strings.Repeat("x", 300<<20)}
	for _, test := range []struct {
		name string
		data func(t *testing.T, text, namespace string) []byte
	}{
		{"copied", func(*testing.T, string, string) []byte { return original.Data["release"] }},
		{"made up", func(t *testing.T, text, namespace string) []byte {
			return packed(t, map[string]any{
				"name": "shop-database", "namespace": namespace, "version": 1, "manifest": text, "info": map[string]any{"status": "deployed"},
				"chart": stored["chart"],
			})
		}},
		{"a bomb", func(t *testing.T, _, _ string) []byte { return packed(t, bomb) }},
		{"no release", func(*testing.T, string, string) []byte { return []byte("nothing") }},
		{"nothing", func(t *testing.T, _, _ string) []byte { return packed(t, map[string]any{"info": nil, "chart": nil}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			namespace, other := newNamespace(t), newNamespace(t)
			theirs := victims(t, namespace, other)
			for revision := range 2 {
				planted := named(original.DeepCopy(), namespace, storedOf(prod, revision+1))
				planted.ResourceVersion, planted.UID, planted.OwnerReferences = "", "", nil
				planted.Data = map[string][]byte{"release": test.data(t, hostile(t, theirs, namespace, other), namespace)}
				planted.Immutable = ptr.To(true)
				if err := api.Create(t.Context(), planted); err != nil {
					t.Fatal(err)
				}
			}
			startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "shop").create(t)
			becomeReady(t, db)
			if db.Status.Release.Revision != 3 {
				t.Errorf("release is %+v", db.Status.Release)
			}
			if err := api.Delete(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
			err := errors.Join(isDeleted(t, statefulSetOf(db)), untouched(t, theirs), pwned(t, namespace, other), get(t, statefulSetOf(prod)))
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// What a user does to the release with helm is noticed, and set right: by its content, whatever labels it carries.
func TestHandMadeUpgrade(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	op := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	all, err := values.For(db, db.Status.Credentials, map[string]any{"size": "1Gi"}, "example.com/theirs")
	if err != nil {
		t.Fatal(err)
	}
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	want, err := op.engine.Render(db, step.ReleaseName(db), all)
	if err != nil {
		t.Fatal(err)
	}
	from, err := op.engine.Observe(t.Context(), db, step.ReleaseName(db), db.Status.Release.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.engine.Upgrade(t.Context(), want, from); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the image that the spec asks for", func() error {
		statefulSet := statefulSetOf(db)
		if err := errors.Join(get(t, statefulSet), get(t, db)); err != nil {
			return err
		}
		image := statefulSet.Spec.Template.Spec.Containers[0].Image
		if image != "example.com/postgres:18" || db.Status.Release.Revision != 3 {
			return fmt.Errorf("image %s, release %+v", image, db.Status.Release)
		}
		return nil
	})
	if note := waitEvent(t, db, "ReleaseReplaced"); !strings.Contains(note, "Revision 2") {
		t.Error(note)
	}
	becomeReady(t, db)
}

// An object of the name that the release needs, and that belongs to somebody else, is neither changed nor deleted.
func TestObjectOfSomebodyElse(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	theirs := []client.Object{named(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "1234", Controller: ptr.To(true),
		}}},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
	}, namespace, "shop-database-headless")}
	if err := api.Create(t.Context(), theirs[0]); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonNameConflict)
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
	if err := untouched(t, theirs); err != nil {
		t.Error(err)
	}
}

// A leader that stood still in the middle of an uninstall goes on with it when the Database was deleted and created again by
// then: it deletes nothing of the new one.
func TestUninstallAfterAPause(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	op := startOperator(t, namespace, operatorOptions{})
	old := newDatabase(namespace, "shop").create(t)
	becomeReady(t, old)
	claim := named(&corev1.PersistentVolumeClaim{}, namespace, step.ClaimName(old))
	if err := api.Delete(t.Context(), old.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Database to be deleted", func() error { return isDeleted(t, old.DeepCopy()) })
	again := newDatabase(namespace, "shop").create(t)
	becomeReady(t, again)
	old.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	theirs := []client.Object{
		statefulSetOf(again), named(&corev1.Service{}, namespace, step.ReleaseName(again)),
		named(&corev1.Secret{}, namespace, storedOf(again, 1)), claim,
	}
	for _, object := range theirs {
		if err := get(t, object); err != nil {
			t.Fatal(err)
		}
	}
	if err := op.engine.Uninstall(t.Context(), old, step.ReleaseName(old), old.Status.Release.Digest); err != nil {
		t.Error(err)
	}
	if err := untouched(t, theirs); err != nil {
		t.Error(err)
	}
}

// A leader that stood still between its read of a release and the upgrade goes on with it when the Database was deleted and
// created again by then: it changes nothing of the new one.
func TestUpgradeAfterAPause(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"deployed", "pending-upgrade"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			op := startOperator(t, namespace, operatorOptions{})
			old := newDatabase(namespace, "shop").create(t)
			becomeReady(t, old)
			old.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
			tamper(t, namespace, storedOf(old, 1), func(stored map[string]any) { stored["info"].(map[string]any)["status"] = status })
			read, err := op.engine.Observe(t.Context(), old, step.ReleaseName(old), old.Status.Release.Digest)
			if err != nil || read.Status != status {
				t.Fatal(read, err)
			}
			remove(t, old.DeepCopy())
			again := newDatabase(namespace, "shop").create(t)
			becomeReady(t, again)
			theirs := []client.Object{
				statefulSetOf(again), named(&corev1.Service{}, namespace, step.ReleaseName(again)),
				named(&corev1.ConfigMap{}, namespace, step.ConfigName(again)), named(&corev1.Secret{}, namespace, storedOf(again, 1)),
				named(&corev1.PersistentVolumeClaim{}, namespace, step.ClaimName(again)),
			}
			for _, object := range theirs {
				if err := get(t, object); err != nil {
					t.Fatal(err)
				}
			}
			all, err := values.For(old, old.Status.Credentials, map[string]any{"size": "9Gi"}, "example.com/postgres:old")
			if err != nil {
				t.Fatal(err)
			}
			want, err := op.engine.Render(old, step.ReleaseName(old), all)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.engine.Upgrade(t.Context(), want, read); err == nil {
				t.Error("the upgrade went through")
			}
			if err := untouched(t, theirs); err != nil {
				t.Error(err)
			}
		})
	}
}

// A revision of the highest number that is read, which somebody planted, ends no upgrades.
func TestPlantedHighestRevision(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "shop").create(t)
	becomeReady(t, db)
	first := named(&corev1.Secret{}, namespace, storedOf(db, 1))
	if err := get(t, first); err != nil {
		t.Fatal(err)
	}
	planted := named(&corev1.Secret{Data: map[string][]byte{"release": []byte("nothing")}, Type: first.Type}, namespace, storedOf(db, 1<<30))
	planted.Labels = first.Labels
	if err := api.Create(t.Context(), planted); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"example.com/postgres:18.8", "example.com/postgres:18.9"} {
		update(t, db, func() { db.Spec.Image = image })
		becomeReady(t, db)
		if db.Status.Release.Status != "deployed" || db.Status.Release.Failures > 0 {
			t.Errorf("release is %+v", db.Status.Release)
		}
	}
	if db.Status.Release.Revision != 3 {
		t.Errorf("release is %+v", db.Status.Release)
	}
}

// The list of what the chart can create has all that it does, and nothing else.
func TestChartObjects(t *testing.T) {
	db := newDatabase("ns", "x").build()
	all, err := values.For(db, v1.SecretKeyReference{Name: "s", Key: "k"}, map[string]any{"size": "1Gi"}, "image")
	if err != nil {
		t.Fatal(err)
	}
	all["backup"], all["refuseEvictions"] = map[string]any{"name": "x"}, true
	want, err := newEngine(t, apiConfig, chartDir, release.ChartObjects).Render(db, step.ReleaseName(db), all)
	if err != nil {
		t.Fatal(err)
	}
	var rendered []string
	for _, object := range want.Objects {
		rendered = append(rendered, fmt.Sprint(object.GroupVersionKind(), object.GetName()))
	}
	var possible []string
	for _, id := range release.ChartObjects(db) {
		possible = append(possible, fmt.Sprint(id.GroupVersionKind, id.Name))
	}
	slices.Sort(rendered)
	slices.Sort(possible)
	if !slices.Equal(rendered, possible) {
		t.Errorf("rendered %q\nlisted %q", rendered, possible)
	}
}
