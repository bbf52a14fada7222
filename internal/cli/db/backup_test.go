package db

import (
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

func TestOutcome(t *testing.T) {
	at := *ago(time.Minute)
	complete := &batchv1.JobCondition{Type: batchv1.JobComplete, LastTransitionTime: at}
	broken := &batchv1.JobCondition{Type: batchv1.JobFailed, LastTransitionTime: at, Message: "Job has reached the limit"}
	for name, test := range map[string]struct {
		seen v1.BackupStatus
		end  *batchv1.JobCondition
		late bool
		want string
		fail string
	}{
		"not noted yet":           {end: complete},
		"an older one is noted":   {seen: v1.BackupStatus{LastSuccessTime: ago(time.Hour), LastSuccessName: "old"}, end: complete},
		"noted":                   {seen: v1.BackupStatus{LastSuccessTime: &at, LastSuccessName: "a.dump", LastSuccessBytes: 2048}, end: complete, want: "backed up: a.dump, 2.0Ki"},
		"a newer one is noted":    {seen: v1.BackupStatus{LastSuccessTime: ago(0), LastSuccessName: "newer"}, end: complete, want: "backed up"},
		"never noted":             {end: complete, late: true, want: "backed up"},
		"a failure not noted yet": {seen: v1.BackupStatus{LastFailureTime: ago(time.Hour), LastFailureMessage: "old"}, end: broken},
		"a failure":               {seen: v1.BackupStatus{LastFailureTime: &at, LastFailureMessage: "no \x1b[2J room"}, end: broken, fail: "database shop failed: no  [2J room"},
		"a failure never noted":   {end: broken, late: true, fail: "failed: Job has reached the limit"},
		"a failure, newer noted":  {seen: v1.BackupStatus{LastFailureTime: ago(0), LastFailureMessage: "newer"}, end: broken, fail: "failed: Job has reached the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Status: v1.DatabaseStatus{Backup: test.seen}}
			got, err := outcome(db, test.end, test.late)
			isError(t, err, strings.Replace(test.fail, "database shop", "database/shop", 1))
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBackupIsAskedFor(t *testing.T) {
	namespace := newNamespace(t)
	db := newDatabase(t, namespace, "shop", readySpec(), readyStatus())
	newDatabase(t, namespace, "bare", v1.DatabaseSpec{User: "wp"}, v1.DatabaseStatus{})
	fails(t, "database/bare has nowhere to put backups: set spec.backup", namespace, "backup", "bare")

	reader := user(t, namespace, databases("get"))
	fails(t, `cannot patch resource "databases"`, namespace, "backup", "shop", reader)

	contains(t, succeeds(t, namespace, "backup", "shop"), "database/shop: asked for a backup")
	if get(t, db); db.Annotations[v1.AnnotationBackupRequest] != "2027-07-03T12:00:00Z" {
		t.Errorf("the annotations are %v", db.Annotations)
	}
}

func TestBackupFollowsToTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		end    batchv1.JobConditionType
		status func(*v1.BackupStatus, *metav1.Time)
		code   int
		want   string
	}{
		"that is good": {
			end: batchv1.JobComplete,
			status: func(seen *v1.BackupStatus, at *metav1.Time) {
				seen.LastSuccessTime, seen.LastSuccessName, seen.LastSuccessBytes = at, "shop-20270703T120001Z.dump", 4096
			},
			want: "database/shop: backed up: shop-20270703T120001Z.dump, 4.0Ki\n",
		},
		"that is bad": {
			end: batchv1.JobFailed,
			status: func(seen *v1.BackupStatus, at *metav1.Time) {
				seen.LastFailureTime, seen.LastFailureMessage = at, "No space left on device"
			},
			code: 1,
			want: "error: the backup of database/shop failed: No space left on device\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			db := newDatabase(t, namespace, "shop", readySpec(), readyStatus())
			done := make(chan error, 1)
			go func() { done <- playOperator(t.Context(), db.DeepCopy(), test.end, test.status) }()
			stdout, stderr, code := plugin(t, namespace, "backup", "shop", "-f", "--timeout=1m")
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if code != test.code || !strings.Contains(stdout+stderr, test.want) {
				t.Errorf("exit code %d\n%s%s\nwant %d and %q", code, stdout, stderr, test.code, test.want)
			}
			contains(t, stderr, "database/shop: the backup is under way\n")
		})
	}
}

// playOperator takes up a request for a backup, as the operator does, and lets its Job end.
func playOperator(
	ctx context.Context, db *v1.Database, end batchv1.JobConditionType, note func(*v1.BackupStatus, *metav1.Time),
) error {
	key := client.ObjectKeyFromObject(db)
	for db.Annotations[v1.AnnotationBackupRequest] == "" {
		if err := pause(ctx); err != nil {
			return err
		}
		if err := api.Get(ctx, key, db); err != nil {
			return err
		}
	}
	request := db.Annotations[v1.AnnotationBackupRequest]
	job := newJob(db, dbname.BackupJob(db.Name, db.UID, request))
	if err := api.Create(ctx, job); err != nil {
		return err
	}
	db.Status.Backup.LastRequest = request
	if err := api.Status().Update(ctx, db); err != nil {
		return err
	}
	if err := pause(ctx); err != nil {
		return err
	}
	at := metav1.NewTime(now) // after the last success
	endJob(job, end, at)
	if err := api.Status().Update(ctx, job); err != nil {
		return err
	}
	note(&db.Status.Backup, &at)
	return api.Status().Update(ctx, db)
}

func TestBackupSaysWhatItWaitsFor(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", readySpec(), v1.DatabaseStatus{Reason: v1.ReasonStarting, Message: "waits for \x1b[2Jthe pod"})
	stdout, stderr, code := plugin(t, namespace, "backup", "shop", "-f", "--timeout=1500ms")
	if code != 1 || stdout != "" {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	contains(t, stderr, "database/shop: the backup waits for the server: Starting: waits for  [2Jthe pod\n",
		"error: the backup is not over after 1.5s: the backup waits for the server")
}

func TestBackupNeedsTheRightToGetJobs(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", readySpec(), readyStatus())
	fails(t, `cannot get resource "jobs" in API group "batch"`, namespace, "backup", "shop", "-f",
		user(t, namespace, databases("get", "patch")))
}
