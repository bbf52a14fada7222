package database

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// An operator that was killed leaves a release pending. Each step of the way to recovery is Helm's own.
func TestPendingIsRecovered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status string
		harm   func(t *testing.T, db *v1.Database)
	}{
		{"install, before the objects", "pending-install", func(t *testing.T, db *v1.Database) {
			if err := api.Delete(t.Context(), statefulSetOf(db)); err != nil {
				t.Fatal(err)
			}
		}},
		{"upgrade, after the objects", "pending-upgrade", func(*testing.T, *v1.Database) {}},
		{"uninstall by hand", "uninstalling", func(*testing.T, *v1.Database) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			namespace := newNamespace(t)
			first := startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "killed").create(t)
			becomeReady(t, db)
			first.stop()
			editStored(t, namespace, "sh.helm.release.v1.killed-database.v1", func(info map[string]any) {
				info["status"] = test.status
				info["last_deployed"] = time.Now().Add(-time.Minute).Format(time.RFC3339)
			})
			test.harm(t, db)
			// The operator that was killed had not written the status.
			update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })

			startOperator(t, namespace, operatorOptions{})
			eventually(t, "revision 2", func() error {
				if err := get(t, db); err != nil || db.Status.Release.Revision != 2 || db.Status.Release.Status != "deployed" {
					return fmt.Errorf("release %+v: %w", db.Status.Release, err)
				}
				return nil
			})
			becomeReady(t, db)
			waitEvent(t, db, "Recovered")
		})
	}
}

// A StatefulSet that somebody else has under the name makes the install fail. It is not uninstalled, nothing is removed,
// it is not tried without end, and goes on once the way is free.
func TestFailedInstall(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	foreign := statefulSetOf(newDatabase(namespace, "fail").build())
	labels := map[string]string{"app": "foreign"}
	foreign.Spec = appsv1.StatefulSetSpec{
		Replicas: ptr.To[int32](0),
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		},
	}
	if err := api.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	counted := &countingReleases{}
	startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
	db := newDatabase(namespace, "fail").create(t)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonNameConflict)
	if message := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled).Message; !strings.Contains(message, "fail-database") {
		t.Errorf("the message has not Helm's words: %s", message)
	}
	// Events of its own objects do not make it try again before its time.
	for i := range 5 {
		secret := named(&corev1.Secret{}, namespace, "fail-database-credentials")
		update(t, secret, func() { secret.Annotations = map[string]string{"n": fmt.Sprint(i)} })
	}
	if n := counted.installs.Load(); n != 1 {
		t.Errorf("tried %d times at once", n)
	}
	// While the next try is put off, the reason is the same.
	if err := stalledBy(t, db, v1.ReasonNameConflict, "fail-database"); err != nil {
		t.Error(err)
	}
	if err := api.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	becomeReady(t, db)
	if db.Status.Release.Failures != 0 {
		t.Errorf("release is %+v", db.Status.Release)
	}
}

// An upgrade that the API server refuses leaves the objects as they are, and says why. Another spec is tried at once.
func TestFailedUpgrade(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
	db := newDatabase(namespace, "refused").create(t)
	becomeReady(t, db)
	counted.failUpgrade(errors.New(`StatefulSet.apps "refused-database" is invalid: spec: Forbidden: updates to statefulset spec`))
	update(t, db, func() { db.Spec.Image = "example.com/postgres:broken" })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
	if message := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled).Message; !strings.Contains(message, "Forbidden") {
		t.Errorf("the message has not the API server's words: %s", message)
	}
	if db.Status.Release.Failures != 1 || db.Status.Release.Status != "deployed" {
		t.Errorf("release is %+v", db.Status.Release)
	}
	if err := get(t, statefulSetOf(db)); err != nil {
		t.Error(err)
	}
	counted.failUpgrade(nil)
	update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
}

// A Database whose release can't be uninstalled stays and says why, until it can.
func TestFailedUninstall(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
	db := newDatabase(namespace, "stuck").create(t)
	becomeReady(t, db)
	counted.failUninstall(errors.New("a webhook says no"))
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonUninstallFailed)
	if note := waitEvent(t, db, v1.ReasonUninstallFailed); !strings.Contains(note, "a webhook says no") {
		t.Errorf("the event has not Helm's words: %s", note)
	}
	counted.failUninstall(nil)
	eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
}

// chartWith copies the chart, with a file that has this text.
func chartWith(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A chart that can't be rendered stalls the Database with Helm's words, and the release stays as it is.
func TestChartThatCantRender(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{chart: chartWith(t, "templates/broken.yaml", `{{ fail "this chart is broken" }}`)})
	db := newDatabase(namespace, "render").create(t)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
	if message := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled).Message; !strings.Contains(message, "this chart is broken") {
		t.Errorf("the message has not Helm's words: %s", message)
	}
}

func TestNamespaceThatIsDeleted(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "gone").password("secret").create(t)
	becomeReady(t, db)
	if err := api.Delete(t.Context(), named(&corev1.Namespace{}, "", namespace)); err != nil {
		t.Fatal(err)
	}
	// The namespace controller, which is not here, deletes everything in no order: Helm's Secrets are the worst to miss.
	if err := api.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Database to be deleted", func() error { return isDeleted(t, db) })
}
