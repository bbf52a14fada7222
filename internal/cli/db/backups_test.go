package db

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestBackups(t *testing.T) {
	namespace := newNamespace(t)
	db := newDatabase(t, namespace, "shop", readySpec(), v1.DatabaseStatus{})
	if _, stderr, code := plugin(t, namespace, "backups", "shop"); code != 0 || stderr != "No backups of database/shop are known.\n" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	job := newJob(db, "shop-backup-1")
	create(t, job)
	endJob(job, batchv1.JobComplete, *ago(2 * time.Hour))
	if err := api.Status().Update(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	pod := backupPod(job, `{"name":"shop-20270703T100000Z.dump","bytes":2048,"seconds":1,"restored":false}`)
	status := pod.Status
	create(t, pod)
	pod.Status = status
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	writeStatus(t, db, readyStatus())

	want := strings.Join([]string{
		"DUMP                         STATE       TIME                   AGE       SIZE     VERIFIED",
		"shop-20270703T110000Z.dump   Succeeded   2027-07-03T11:00:00Z   60m ago   12.3Ki   Restored",
		"shop-20270703T100000Z.dump   Succeeded   2027-07-03T10:00:00Z   120m ago  2.0Ki    Read",
	}, "\n") + "\n"
	got := succeeds(t, namespace, "backups", "shop")
	if spaced(got) != spaced(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := succeeds(t, namespace, "backups", "shop", "-o", "name"); got != "shop-20270703T110000Z.dump\nshop-20270703T100000Z.dump\n" {
		t.Errorf("got %q", got)
	}
	contains(t, succeeds(t, namespace, "backups", "shop", "-o", "json"), `"job": "shop-backup-1"`, `"state": "Succeeded"`)
	fails(t, "-o yaml: it must be wide, name or json", namespace, "backups", "shop", "-o", "yaml")

	stdout, stderr, code := plugin(t, namespace, "backups", "shop", user(t, namespace, databases("get"),
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"list"}}))
	contains(t, stderr, "only a part is shown: a right is missing: pods is forbidden")
	contains(t, stdout, "shop-20270703T110000Z.dump")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestRunsOf(t *testing.T) {
	db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "shop", UID: "uid"}}
	good, bad, runs, foreign := newJob(db, "good"), newJob(db, "bad"), newJob(db, "runs"), newJob(db, "foreign")
	for _, job := range []*batchv1.Job{good, bad, runs, foreign} {
		job.UID = types.UID(job.Name)
	}
	endJob(good, batchv1.JobComplete, *ago(time.Hour))
	endJob(bad, batchv1.JobFailed, *ago(2 * time.Hour))
	runs.CreationTimestamp = *ago(time.Minute)
	foreign.OwnerReferences[0].UID = "other"
	jobs := []batchv1.Job{*good, *bad, *runs, *foreign}
	for name, test := range map[string]struct {
		status v1.BackupStatus
		pod    *corev1.Pod
		want   []run
	}{
		"what Jobs report": {
			pod: backupPod(good, `{"name":"a.dump","bytes":7,"restored":true}`),
			want: []run{
				{State: running, Time: *ago(time.Minute), Job: "runs"},
				{Dump: "a.dump", State: succeeded, Time: *ago(time.Hour), Bytes: 7, Restored: true, Job: "good"},
				{State: failed, Time: *ago(2 * time.Hour), Job: "bad", Message: "BackoffLimitExceeded"},
			},
		},
		"what the status knows better": {
			status: v1.BackupStatus{
				LastSuccessTime: ago(time.Hour), LastSuccessName: "b.dump", LastSuccessBytes: 9,
				LastFailureTime: ago(2 * time.Hour), LastFailureMessage: "no room",
			},
			pod: backupPod(good, "another program's words"),
			want: []run{
				{State: running, Time: *ago(time.Minute), Job: "runs"},
				{Dump: "b.dump", State: succeeded, Time: *ago(time.Hour), Bytes: 9, Job: "good"},
				{State: failed, Time: *ago(2 * time.Hour), Job: "bad", Message: "no room"},
			},
		},
		"what only the status knows": {
			status: v1.BackupStatus{
				LastSuccessTime: ago(3 * time.Hour), LastSuccessName: "c.dump", LastSuccessRestoredTime: ago(3 * time.Hour),
				LastFailureTime: ago(4 * time.Hour), LastFailureMessage: "once",
			},
			pod: backupPod(foreign, `{"name":"foreign.dump","bytes":7}`),
			want: []run{
				{State: running, Time: *ago(time.Minute), Job: "runs"},
				{State: succeeded, Time: *ago(time.Hour), Job: "good"},
				{State: failed, Time: *ago(2 * time.Hour), Job: "bad", Message: "BackoffLimitExceeded"},
				{Dump: "c.dump", State: succeeded, Time: *ago(3 * time.Hour), Restored: true},
				{State: failed, Time: *ago(4 * time.Hour), Message: "once"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := db.DeepCopy()
			db.Status.Backup = test.status
			got := runsOf(db, jobs, []corev1.Pod{*test.pod})
			if len(got) != len(test.want) {
				t.Fatalf("got %+v, want %+v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("%d: got %+v, want %+v", i, got[i], test.want[i])
				}
			}
		})
	}
}
