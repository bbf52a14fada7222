package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// post asks for something by kubectl, as a user or an administrator.
func post(user, namespace, path, body string) (string, error) {
	file := filepath.Join(folder, "body.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		return "", err
	}
	args := []string{"create", "-f", file, "--raw", "/apis/" + v1alpha1.GroupVersion.String() + "/namespaces/" + namespace + "/" + path}
	if user != "" {
		args = append(args, "--as="+user, "--as-group=system:authenticated")
	}
	return kubectl(args...)
}

// objects are one of each kind: the CronTab's next run is an At that waits.
func objects(t *testing.T) (namespace string, tab *crontabv1.CronTab, next *cnatv1.At, db *databasev1.Database) {
	t.Helper()
	namespace = newNamespace(t)
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "it"}
	tab = &crontabv1.CronTab{ObjectMeta: meta, Spec: crontabv1.CronTabSpec{CronSpec: "@daily", RunSpec: crontabv1.RunSpec{Image: "i"}}}
	create(t, tab)
	due := metav1.NewTime(time.Now().Add(time.Hour).Truncate(time.Second))
	next = &cnatv1.At{ObjectMeta: meta, Spec: cnatv1.AtSpec{Schedule: &due, Run: runv1.Run{Command: "true"}}}
	create(t, next)
	tab.Status.Next = &crontabv1.ScheduledRun{Name: next.Name, UID: next.UID, ScheduledTime: &due}
	if err := api.Status().Update(t.Context(), tab); err != nil {
		t.Fatal(err)
	}
	db = &databasev1.Database{ObjectMeta: meta}
	db.Spec.User, db.Spec.Backup = "it", &databasev1.DatabaseBackup{}
	create(t, db)
	return namespace, tab, next, db
}

// Whoever is on call may do what the subresources do, and edit nothing. Each object carries their name.
func TestOnCall(t *testing.T) {
	namespace, tab, next, db := objects(t)
	const user = "jane@example.com"
	c := as(t, user, namespace, []string{"view", "cnat-agenda-on-call"})
	eventually(t, "the user's rights", func() error {
		_, err := post(user, namespace, "crontabs/it/run?dryRun=All", `{}`)
		return err
	})
	annotation := func(object client.Object, key string) string {
		t.Helper()
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Fatal(err)
		}
		return object.GetAnnotations()[key]
	}
	if got := annotation(tab, crontabv1.AnnotationRunRequest); got != "" {
		t.Errorf("a dry run wrote %q", got)
	}
	for _, test := range []struct {
		path, want, key string
		object          client.Object
	}{
		{"crontabs/it/run", "it is to run now", crontabv1.AnnotationRunRequest, tab},
		{"crontabs/it/skip", "it skips its run of ", v1alpha1.AnnotationCancelRequest, next},
		{"databases/it/backup", "it is asked for a backup", databasev1.AnnotationBackupRequest, db},
	} {
		output, err := post(user, namespace, test.path, `{}`)
		got := annotation(test.object, test.key)
		if err != nil || !strings.Contains(output, test.want) || !strings.HasSuffix(got, " by "+user) || !strings.Contains(output, got) {
			t.Errorf("%s: %v, %s; the annotation is %q", test.path, err, output, got)
		}
	}
	eventually(t, "the audit log to say who asked", func() error {
		log, err := os.ReadFile(filepath.Join(folder, "audit.log"))
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, `"subresource":"backup"`) && strings.Contains(line, `"username":"`+user+`"`) {
				return nil
			}
		}
		return errors.Join(err, errors.New("it does not"))
	})
	if !ptr.Deref(next.Spec.Cancel, false) {
		t.Error("the next run is not cancelled")
	}
	for _, object := range []client.Object{tab, next, db} {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
		if err := c.Patch(t.Context(), object, patch); !apierrors.IsForbidden(err) {
			t.Errorf("on call edits a %T: %v", object, err)
		}
	}
}

func TestCancel(t *testing.T) {
	namespace, _, at, _ := objects(t)
	as(t, "cancels", namespace, nil, rule(v1alpha1.GroupVersion.Group, "ats/cancel", "create"))
	for _, test := range []struct{ user, path, body, want string }{
		{"cancels", "ats/it/cancel", `{"spec":{"uid":"another"}}`, "the object has the UID"},
		{"cancels", "ats/none/cancel", `{}`, "not found"},
		{"cancels", "crontabs/it/run", `{}`, `cannot create resource "crontabs/run"`},
		{"cancels", "databases/it/backup", `{}`, `cannot create resource "databases/backup"`},
		{"stranger", "ats/it/cancel", `{}`, `cannot create resource "ats/cancel"`},
		{"cancels", "ats/it/cancel", `{"spec":{"uid":"` + string(at.UID) + `"}}`, ""},
	} {
		var got string
		eventually(t, "the user's rights", func() error {
			output, err := post(test.user, namespace, test.path, test.body)
			got = output
			if err != nil && test.want != "" && strings.Contains(err.Error(), test.want) {
				return nil
			}
			return err
		})
		if test.want != "" && !strings.Contains(got, test.want) {
			t.Errorf("%v: %s", test, got)
		}
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(at), at); err != nil || !ptr.Deref(at.Spec.Cancel, false) {
		t.Errorf("%v: not cancelled", err)
	}
}

// The API server limits each user's requests, and not the agenda all of them together: client-go's own limit of 5 a second
// would make of these, with two of the agenda for each, more than 20 s.
func TestManyRequests(t *testing.T) {
	namespace, _, _, _ := objects(t)
	clients, err := kubernetes.NewForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/namespaces/" + namespace + "/ats/it/cancel"
	began := time.Now()
	for range 60 {
		request := clients.RESTClient().Post().AbsPath(path).Param("dryRun", metav1.DryRunAll).Body([]byte("{}"))
		if err := request.Do(t.Context()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("they took %s", took)
	}
}

// What can't be done is a conflict, which says why.
func TestConflicts(t *testing.T) {
	namespace, tab, next, db := objects(t)
	next.Status.Phase, next.Status.JobUID = cnatv1.AtRunning, "job"
	db.Spec.Backup = nil
	if err := errors.Join(api.Status().Update(t.Context(), next), api.Update(t.Context(), db)); err != nil {
		t.Fatal(err)
	}
	refused := func(path, want string) {
		t.Helper()
		if _, err := post("", namespace, path, `{}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	refused("crontabs/it/skip", "its next run has started")
	refused("databases/it/backup", "spec.backup is not set")
	next.Status.Phase = cnatv1.AtSucceeded
	tab.Status.Next = nil
	if err := errors.Join(api.Status().Update(t.Context(), next), api.Status().Update(t.Context(), tab)); err != nil {
		t.Fatal(err)
	}
	refused("ats/it/cancel", "it is over: Succeeded")
	refused("crontabs/it/skip", "it has no next run")
}
