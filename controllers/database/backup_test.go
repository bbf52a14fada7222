package database

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

func TestBackupValues(t *testing.T) {
	claim := storage{size: *quantity("2Gi")}
	usual := map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "128Mi"}}
	for _, test := range []struct {
		name string
		edit func(*v1.Database)
		want map[string]any
	}{
		{"none", func(*v1.Database) {}, map[string]any{}},
		{"on request only", func(db *v1.Database) { db.Spec.Backup = &v1.DatabaseBackup{Retain: 7} }, map[string]any{
			"backup": map[string]any{
				"name": "blog", "schedule": "", "timeZone": "", "suspend": false, "retain": int64(7),
				"resources": usual, "storage": map[string]any{"size": "2Gi"},
			},
		}},
		{"all given", func(db *v1.Database) {
			db.Spec.Backup = &v1.DatabaseBackup{
				Schedule: "@daily", TimeZone: "Europe/Berlin", Suspend: ptr.To(true), Retain: 2, Verification: v1.VerificationRead,
				Storage:   v1.BackupStorage{StorageClassName: "slow"},
				Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": *quantity("1Gi")}},
			}
		}, map[string]any{"backup": map[string]any{
			"name": "blog", "schedule": "@daily", "timeZone": "Europe/Berlin", "suspend": true, "retain": int64(2), "verification": "Read",
			"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}}, "storage": map[string]any{"size": "2Gi", "storageClassName": "slow"},
		}}},
		{"to restore", func(db *v1.Database) {
			db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
		}, map[string]any{"restore": map[string]any{"from": "old", "dump": "latest"}}},
		{"restored", func(db *v1.Database) {
			db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
			db.Status.RestoreTime = ago(time.Hour)
		}, map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "blog").build()
			test.edit(db)
			claim := claim
			if db.Spec.Backup != nil {
				claim.class = db.Spec.Backup.Storage.StorageClassName
			}
			if got, err := backupValues(db, claim); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
}

// backupJob is a Job that began to end some time ago, if it has ended.
func backupJob(name string, end batchv1.JobConditionType, since time.Duration, message string) batchv1.Job {
	job := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: *ago(since)}}
	if end != "" {
		job.Status.Conditions = []batchv1.JobCondition{
			{Type: "SuccessCriteriaMet", Status: corev1.ConditionTrue, LastTransitionTime: *ago(since)},
			{Type: end, Status: corev1.ConditionTrue, LastTransitionTime: *ago(since), Message: message},
		}
	}
	return job
}

// tryOf is a pod of a Job, made some time ago.
func tryOf(job string, made time.Duration, state corev1.ContainerState) corev1.Pod {
	tried := pod(state, corev1.ContainerState{})
	tried.CreationTimestamp = *ago(made)
	tried.OwnerReferences = []metav1.OwnerReference{{UID: types.UID("uid-" + job), Controller: ptr.To(true)}}
	return tried
}

func reported(name string, bytes int64) corev1.ContainerState {
	return terminated(0, fmt.Sprintf(`{"name":%q,"bytes":%d,"seconds":3}`, name, bytes)+"\n")
}

func TestBackupsFromJobs(t *testing.T) {
	const hour = time.Hour
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	known := v1.BackupStatus{LastSuccessTime: ago(hour), LastSuccessName: "a.dump", LastSuccessBytes: 10, LastRequest: "x"}
	failed := known
	failed.LastFailureTime, failed.LastFailureMessage = ago(hour/2), "full"
	success := known
	success.LastSuccessTime, success.LastSuccessName, success.LastSuccessBytes = ago(time.Minute), "b.dump", 20
	for _, test := range []struct {
		name   string
		before v1.BackupStatus
		jobs   []batchv1.Job
		pods   []corev1.Pod
		after  v1.BackupStatus
		// condition is its status and reason, words what is in its message, events their reasons.
		condition, words, events string
		recheck                  time.Duration
		// explanation is what an event says.
		explanation string
	}{
		{name: "none yet", condition: "Unknown NoBackup", words: "no backup"},
		{name: "one runs", jobs: []batchv1.Job{backupJob("j", "", 0, "")}, pods: []corev1.Pod{tryOf("j", 0, running)}, condition: "Unknown BackupRunning", words: "under way since 2026-11-22T12:00:00Z"},
		{name: "one has no pod yet", jobs: []batchv1.Job{backupJob("j", "", 10*time.Second, "")}, condition: "Unknown BackupRunning", recheck: 10 * time.Second},
		{
			name: "one gets no pod", before: known, after: known, condition: "False PodMissing", words: "Job j can't create its pod: exceeded quota",
			jobs: []batchv1.Job{backupJob("j", "", 5*time.Second, "")}, explanation: "exceeded quota", recheck: 10 * time.Second,
		},
		{
			name: "nothing new", before: known, after: known, condition: "True BackupSucceeded", words: "a.dump, 10 bytes",
		},
		{
			name: "a success", before: known, after: success, condition: "True BackupSucceeded", words: "b.dump, 20 bytes", events: "BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, time.Minute, "")},
			pods: []corev1.Pod{tryOf("other", 0, reported("c.dump", 1)), tryOf("j", 2, terminated(1, "no")), tryOf("j", 1, reported("b.dump", 20))},
		},
		{
			name: "a success that was restored", condition: "True BackupSucceeded", events: "BackupSucceeded",
			after: v1.BackupStatus{
				LastSuccessTime: ago(time.Minute), LastSuccessName: "b.dump", LastSuccessBytes: 20, LastSuccessRestoredTime: ago(time.Hour),
			},
			words: "b.dump, 20 bytes, restored into a scratch server at 2026-11-22T11:00:00Z",
			jobs:  []batchv1.Job{backupJob("j", batchv1.JobComplete, time.Minute, "")},
			pods: []corev1.Pod{tryOf("j", 1, terminated(0,
				`{"name":"b.dump","bytes":20,"seconds":3,"restored":true,"time":"2026-11-22T11:00:00Z","tables":1,"rows":2}`))},
		},
		{
			name: "a success that is known, whose pod is deleted", before: success, after: success, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, time.Minute, "")},
		},
		{
			name: "a success whose pod is deleted", after: v1.BackupStatus{LastSuccessTime: ago(time.Minute)},
			condition: "True BackupSucceeded", words: "its pod was deleted", events: "BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, time.Minute, "")},
		},
		{
			name: "a success whose pod has not reported yet", before: known, after: known, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, time.Minute, "")}, pods: []corev1.Pod{tryOf("j", 1, running)},
		},
		{
			name: "an older success, after a clock was set back", before: known, after: known, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, 2*hour, "")}, pods: []corev1.Pod{tryOf("j", 1, reported("b.dump", 20))},
		},
		{
			name: "words of another program", after: v1.BackupStatus{LastSuccessTime: ago(0)}, condition: "True BackupSucceeded", events: "BackupSucceeded",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobComplete, 0, "")}, pods: []corev1.Pod{tryOf("j", 1, terminated(0, "done"))},
		},
		{
			name: "a failure", before: known, after: failed, condition: "False BackupFailed", events: "BackupFailed",
			words: "the last backup failed: full. The last good one is of 2026-11-22T11:00:00Z",
			jobs:  []batchv1.Job{backupJob("j", batchv1.JobFailed, hour/2, "backoff limit")},
			pods:  []corev1.Pod{tryOf("j", 2, terminated(1, "before")), tryOf("j", 1, terminated(1, "full\n"))},
		},
		{
			name: "a failure whose pod was killed", condition: "False BackupFailed", words: "deadline. There is no good one", events: "BackupFailed",
			after: v1.BackupStatus{LastFailureTime: ago(hour), LastFailureMessage: "deadline"},
			jobs:  []batchv1.Job{backupJob("j", batchv1.JobFailed, hour, "deadline")},
		},
		{
			name: "a failure that is known", before: failed, after: failed, condition: "False BackupFailed",
			jobs: []batchv1.Job{backupJob("j", batchv1.JobFailed, hour/2, "")},
		},
		{
			name: "a success after a failure, seen at once", before: known, condition: "True BackupSucceeded", events: "BackupSucceeded BackupFailed",
			after: v1.BackupStatus{
				LastSuccessTime: ago(time.Minute), LastSuccessName: "b.dump", LastSuccessBytes: 20, LastRequest: "x",
				LastFailureTime: ago(hour / 2), LastFailureMessage: "full",
			},
			jobs: []batchv1.Job{backupJob("k", batchv1.JobComplete, time.Minute, ""), backupJob("j", batchv1.JobFailed, hour/2, "")},
			pods: []corev1.Pod{tryOf("j", 1, terminated(1, "full")), tryOf("k", 1, reported("b.dump", 20))},
		},
		{
			name: "one does not find its image", before: known, after: known, condition: "False ImagePullFailed", words: "no such image",
			jobs: []batchv1.Job{backupJob("j", "", 0, "")}, pods: []corev1.Pod{tryOf("j", 1, waiting("ErrImagePull", "no such image"))},
		},
		{
			name: "a try failed, and there is another", before: known, after: known, condition: "False BackupFailed", words: "busy",
			jobs: []batchv1.Job{backupJob("j", "", 0, "")}, pods: []corev1.Pod{tryOf("j", 1, terminated(1, "busy"))},
		},
		{
			name: "one runs after a good one", before: known, after: known, condition: "True BackupSucceeded", words: "a.dump, 10 bytes (one is under way since",
			jobs: []batchv1.Job{backupJob("j", "", 0, "")}, pods: []corev1.Pod{tryOf("j", 0, running)},
		},
		{
			name: "one waits for its volume", before: known, after: known, condition: "True BackupSucceeded", recheck: 20 * time.Second,
			jobs: []batchv1.Job{backupJob("j", "", 0, "")}, pods: []corev1.Pod{func() corev1.Pod {
				waits := unscheduled(10 * time.Second)
				waits.OwnerReferences = tryOf("j", 0, running).OwnerReferences
				return waits
			}()},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "blog").build()
			db.Status.Backup = test.before
			seen := backupsFor(db, test.jobs, test.pods, nil, test.explanation, noon)
			if got, want := encoded(t, seen.status), encoded(t, test.after); got != want {
				t.Errorf("status is %s, want %s", got, want)
			}
			if got := string(seen.condition.Status) + " " + seen.condition.Reason; got != test.condition || !strings.Contains(seen.condition.Message, test.words) {
				t.Errorf("condition is %+v", seen.condition)
			}
			var reasons []string
			for _, e := range seen.events {
				reasons = append(reasons, e.Reason)
			}
			if got := strings.Join(reasons, " "); got != test.events || seen.recheck != test.recheck {
				t.Errorf("events %q, recheck %s", got, seen.recheck)
			}
		})
	}
}

// The dumps are lost with their claim. What is known of them is not true any more, whatever Jobs still report.
func TestLostDumps(t *testing.T) {
	const day = 24 * time.Hour
	claim := func(uid types.UID, created time.Duration) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "blog-backup", UID: uid, CreationTimestamp: *ago(created)}}
	}
	leaving := claim("first", day)
	leaving.DeletionTimestamp = ago(0)
	known := v1.BackupStatus{
		LastSuccessTime: ago(time.Hour), LastSuccessName: "a.dump", LastSuccessBytes: 10, Storage: v1.StorageStatus{ClaimUID: "first"},
	}
	lost := v1.BackupStatus{Storage: known.Storage}
	unknown := known
	unknown.Storage.ClaimUID = ""
	for _, test := range []struct {
		name   string
		before v1.BackupStatus
		claim  *corev1.PersistentVolumeClaim
		ended  time.Duration // of the Job that there is
		// condition is its status and reason, uid what the status says after it.
		condition, uid, event string
	}{
		{"as it was", known, claim("first", day), time.Hour, "True BackupSucceeded", "first", ""},
		{"known by 0.2.0", unknown, claim("first", day), time.Hour, "True BackupSucceeded", "first", ""},
		{"being deleted", known, leaving, time.Hour, "False BackupsLost", "first", ""},
		{"deleted", known, nil, time.Hour, "False BackupsLost", "first", "BackupsLost"},
		{"created again", known, claim("second", time.Minute), time.Hour, "False BackupsLost", "first", "BackupsLost"},
		{"still empty", lost, claim("second", time.Minute), time.Hour, "False BackupsLost", "first", ""},
		{"backed up again", lost, claim("second", time.Hour), time.Minute, "True BackupSucceeded", "second", "BackupSucceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "blog").build()
			db.Status.Backup = test.before
			jobs := []batchv1.Job{backupJob("j", batchv1.JobComplete, test.ended, "")}
			seen := backupsFor(db, jobs, nil, test.claim, "", noon)
			var event string
			if len(seen.events) > 0 {
				event = seen.events[0].Reason
			}
			if got := string(seen.condition.Status) + " " + seen.condition.Reason; got != test.condition || seen.status.Storage.ClaimUID != test.uid || event != test.event {
				t.Errorf("%s, event %q, %+v", got, event, seen.status)
			}
			if (seen.status.LastSuccessTime == nil) != dumpsLost(test.uid, test.claim) {
				t.Errorf("status is %+v", seen.status)
			}
		})
	}
}

func TestRequestedJob(t *testing.T) {
	cronJob := &batchv1.CronJob{Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{step.LabelDatabase: "blog"}},
		Spec:       batchv1.JobSpec{BackoffLimit: ptr.To[int32](2)},
	}}}
	db := newDatabase("ns", strings.Repeat("a", 40)).build()
	db.UID = "one"
	job := requestedJob(db, cronJob, "now")
	if again := requestedJob(db, cronJob, "now"); again.Name != job.Name {
		t.Error("the same request has two names")
	}
	// A pod's name is the Job's and six characters more, and a host name has 63 at most.
	if len(job.Name) > 57 || *job.Spec.BackoffLimit != 2 || job.Labels[step.LabelDatabase] != "blog" || *job.Spec.TTLSecondsAfterFinished < 3600 {
		t.Errorf("got %+v", job)
	}
	other := db.DeepCopy()
	other.UID = "two"
	if requestedJob(db, cronJob, "later").Name == job.Name || requestedJob(other, cronJob, "now").Name == job.Name {
		t.Error("another request, or that of another Database, has the same name")
	}
	if cronJob.Spec.JobTemplate.Spec.TTLSecondsAfterFinished != nil {
		t.Error("the cache's object was changed")
	}
}

func TestWithoutBackups(t *testing.T) {
	db := newDatabase("ns", "blog").build()
	db.Status.Backup = v1.BackupStatus{LastSuccessTime: ago(0), LastRequest: "1"}
	db.Status.Conditions = []metav1.Condition{{Type: v1.ConditionBackupHealthy, Status: metav1.ConditionTrue}}
	db.Annotations = map[string]string{v1.AnnotationBackupRequest: "2"}
	seen := withoutBackups(db)
	if len(seen.events) != 1 || seen.events[0].Reason != "BackupNotConfigured" {
		t.Errorf("events are %+v", seen.events)
	}
	seen.into(&db.Status, 1)
	if db.Status.Backup.LastRequest != "2" || db.Status.Backup.LastSuccessTime == nil || meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy) != nil {
		t.Errorf("status is %+v", db.Status)
	}
	if again := withoutBackups(db); len(again.events) != 0 {
		t.Errorf("reported again: %+v", again.events)
	}
}
