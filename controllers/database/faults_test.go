package database

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
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
	if err := gone(t, statefulSetOf(db)); err != nil {
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
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
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
	eventually(t, "the Database to go", func() error { return gone(t, db) })
}

// However often a release is upgraded, few revisions stay.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "often").create(t)
	becomeReady(t, db)
	for n := range 5 {
		update(t, db, func() { db.Spec.Image = fmt.Sprintf("example.com/postgres:18.%d", n) })
		becomeReady(t, db)
	}
	stored := &corev1.SecretList{}
	if err := api.List(t.Context(), stored, client.InNamespace(namespace), client.MatchingLabels{"owner": "helm"}); err != nil {
		t.Fatal(err)
	}
	if len(stored.Items) != 3 || db.Status.Release.Revision != 6 {
		t.Errorf("%d revisions are stored, the newest is %d", len(stored.Items), db.Status.Release.Revision)
	}
}

// What a repair can't set is not tried for ever.
func TestDriftThatCantBeRepaired(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	op := startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
	db := newDatabase(namespace, "odd").create(t)
	becomeReady(t, db)
	// Its own passes see no drift, and would forget this one.
	op.stop()
	drift := []string{"Service odd-database (changed, version 1)"}
	values, err := valuesFor(db, db.Status.Credentials, wantedSize(db.Spec.Storage), "example.com/postgres:18")
	if err != nil {
		t.Fatal(err)
	}
	later := db.DeepCopy()
	later.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	later.Status.Release.LastAttemptTime = &metav1.Time{Time: time.Now().Add(-time.Minute)}
	for range 3 {
		if _, err := op.reconciler.ensureRelease(t.Context(), later, values, drift); err != nil {
			t.Fatal(err)
		}
	}
	if n := counted.repairs.Load(); n != 1 {
		t.Errorf("repaired %d times", n)
	}
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

// Nothing to do costs nothing: no Helm, and no request to the API server, but for a look at a Secret of the user's.
func TestNothingToDoCostsNothing(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	var requests requestCounter
	op := startOperator(t, namespace, operatorOptions{wrap: counted.wrap, transport: requests.wrap})
	plain := newDatabase(namespace, "plain").password("secret").create(t)
	secret := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "mine")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	referring := newDatabase(namespace, "referring").secretRef("mine", "password").create(t)
	becomeReady(t, plain)
	becomeReady(t, referring)
	for db, want := range map[*v1.Database]int64{plain: 0, referring: 1} {
		// The cache follows the last write.
		eventually(t, fmt.Sprintf("a pass over %s with %d requests", db.Name, want), func() error {
			before, calls := requests.Load(), counted.calls.Load()
			request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}
			if _, err := op.reconciler.Reconcile(t.Context(), request); err != nil {
				return err
			}
			if n, c := requests.Load()-before, counted.calls.Load()-calls; n != want || c != 0 {
				return fmt.Errorf("%d requests and %d calls of Helm", n, c)
			}
			return nil
		})
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
	eventually(t, "the Database to go", func() error { return gone(t, db) })
}
