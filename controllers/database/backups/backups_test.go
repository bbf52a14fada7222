package backups

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestBackupsFromJobs(t *testing.T) {
	const hour = time.Hour
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	known := v1.BackupStatus{LastSuccessTime: testdb.Ago(hour), LastSuccessName: "a.dump", LastSuccessBytes: 10, LastRequest: "x"}
	failed := known
	failed.LastFailureTime, failed.LastFailureMessage = testdb.Ago(hour/2), "full"
	success := known
	success.LastSuccessTime, success.LastSuccessName, success.LastSuccessBytes = testdb.Ago(time.Minute), "b.dump", 20
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
		{name: "one runs", jobs: []batchv1.Job{testdb.Job("j", "", 0, "")}, pods: []corev1.Pod{testdb.TryOf("j", 0, running)}, condition: "Unknown BackupRunning", words: "under way since 2026-11-22T12:00:00Z"},
		{name: "one has no pod yet", jobs: []batchv1.Job{testdb.Job("j", "", 10*time.Second, "")}, condition: "Unknown BackupRunning", recheck: 10 * time.Second},
		{
			name: "one gets no pod", before: known, after: known, condition: "False PodMissing", words: "Job j can't create its pod: exceeded quota",
			jobs: []batchv1.Job{testdb.Job("j", "", 5*time.Second, "")}, explanation: "exceeded quota", recheck: 10 * time.Second,
		},
		{
			name: "nothing new", before: known, after: known, condition: "True BackupSucceeded", words: "a.dump, 10 bytes",
		},
		{
			name: "a success", before: known, after: success, condition: "True BackupSucceeded", words: "b.dump, 20 bytes", events: "BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, time.Minute, "")},
			pods: []corev1.Pod{testdb.TryOf("other", 0, testdb.Reported("c.dump", 1)), testdb.TryOf("j", 2, testdb.Terminated(1, "no")), testdb.TryOf("j", 1, testdb.Reported("b.dump", 20))},
		},
		{
			name: "a success that was restored", condition: "True BackupSucceeded", events: "BackupSucceeded",
			after: v1.BackupStatus{
				LastSuccessTime: testdb.Ago(time.Minute), LastSuccessName: "b.dump", LastSuccessBytes: 20, LastSuccessRestoredTime: testdb.Ago(time.Hour),
			},
			words: "b.dump, 20 bytes, restored into a scratch server at 2026-11-22T11:00:00Z",
			jobs:  []batchv1.Job{testdb.Job("j", batchv1.JobComplete, time.Minute, "")},
			pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Terminated(0,
				`{"name":"b.dump","bytes":20,"seconds":3,"restored":true,"time":"2026-11-22T11:00:00Z","tables":1,"rows":2}`))},
		},
		{
			name: "a success that is known, whose pod is deleted", before: success, after: success, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, time.Minute, "")},
		},
		{
			name: "a success whose pod is deleted", after: v1.BackupStatus{LastSuccessTime: testdb.Ago(time.Minute)},
			condition: "True BackupSucceeded", words: "its pod was deleted", events: "BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, time.Minute, "")},
		},
		{
			name: "a success whose pod has not reported yet", before: known, after: known, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, time.Minute, "")}, pods: []corev1.Pod{testdb.TryOf("j", 1, running)},
		},
		{
			name: "an older success, after a clock was set back", before: known, after: known, condition: "True BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, 2*hour, "")}, pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Reported("b.dump", 20))},
		},
		{
			name: "words of another program", after: v1.BackupStatus{LastSuccessTime: testdb.Ago(0)}, condition: "True BackupSucceeded", events: "BackupSucceeded",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobComplete, 0, "")}, pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Terminated(0, "done"))},
		},
		{
			name: "a failure", before: known, after: failed, condition: "False BackupFailed", events: "BackupFailed",
			words: "the last backup failed: full. The last good one is of 2026-11-22T11:00:00Z",
			jobs:  []batchv1.Job{testdb.Job("j", batchv1.JobFailed, hour/2, "backoff limit")},
			pods:  []corev1.Pod{testdb.TryOf("j", 2, testdb.Terminated(1, "before")), testdb.TryOf("j", 1, testdb.Terminated(1, "full\n"))},
		},
		{
			name: "a failure whose pod was killed", condition: "False BackupFailed", words: "deadline. There is no good one", events: "BackupFailed",
			after: v1.BackupStatus{LastFailureTime: testdb.Ago(hour), LastFailureMessage: "deadline"},
			jobs:  []batchv1.Job{testdb.Job("j", batchv1.JobFailed, hour, "deadline")},
		},
		{
			name: "a failure that is known", before: failed, after: failed, condition: "False BackupFailed",
			jobs: []batchv1.Job{testdb.Job("j", batchv1.JobFailed, hour/2, "")},
		},
		{
			name: "a success after a failure, seen at once", before: known, condition: "True BackupSucceeded", events: "BackupSucceeded BackupFailed",
			after: v1.BackupStatus{
				LastSuccessTime: testdb.Ago(time.Minute), LastSuccessName: "b.dump", LastSuccessBytes: 20, LastRequest: "x",
				LastFailureTime: testdb.Ago(hour / 2), LastFailureMessage: "full",
			},
			jobs: []batchv1.Job{testdb.Job("k", batchv1.JobComplete, time.Minute, ""), testdb.Job("j", batchv1.JobFailed, hour/2, "")},
			pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Terminated(1, "full")), testdb.TryOf("k", 1, testdb.Reported("b.dump", 20))},
		},
		{
			name: "one does not find its image", before: known, after: known, condition: "False ImagePullFailed", words: "no such image",
			jobs: []batchv1.Job{testdb.Job("j", "", 0, "")}, pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Waiting("ErrImagePull", "no such image"))},
		},
		{
			name: "a try failed, and there is another", before: known, after: known, condition: "False BackupFailed", words: "busy",
			jobs: []batchv1.Job{testdb.Job("j", "", 0, "")}, pods: []corev1.Pod{testdb.TryOf("j", 1, testdb.Terminated(1, "busy"))},
		},
		{
			name: "one runs after a good one", before: known, after: known, condition: "True BackupSucceeded", words: "a.dump, 10 bytes (one is under way since",
			jobs: []batchv1.Job{testdb.Job("j", "", 0, "")}, pods: []corev1.Pod{testdb.TryOf("j", 0, running)},
		},
		{
			name: "one waits for its volume", before: known, after: known, condition: "True BackupSucceeded", recheck: 20 * time.Second,
			jobs: []batchv1.Job{testdb.Job("j", "", 0, "")}, pods: []corev1.Pod{func() corev1.Pod {
				waits := testdb.Unscheduled(10 * time.Second)
				waits.OwnerReferences = testdb.TryOf("j", 0, running).OwnerReferences
				return waits
			}()},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Status.Backup = test.before
			seen := decide(db, Observed{Jobs: test.jobs, Pods: test.pods, Explanation: test.explanation}, nil, testdb.Noon)
			if !equality.Semantic.DeepEqual(seen.Status, test.after) {
				t.Errorf("status is %+v, want %+v", seen.Status, test.after)
			}
			if got := string(seen.Condition.Status) + " " + seen.Condition.Reason; got != test.condition || !strings.Contains(seen.Condition.Message, test.words) {
				t.Errorf("condition is %+v", seen.Condition)
			}
			var reasons []string
			for _, e := range seen.Events {
				reasons = append(reasons, e.Reason)
			}
			if got := strings.Join(reasons, " "); got != test.events || seen.Recheck != test.recheck {
				t.Errorf("events %q, recheck %s", got, seen.Recheck)
			}
		})
	}
}

// The dumps are lost with their claim. What is known of them is not true any more, whatever Jobs still report.
func TestLostDumps(t *testing.T) {
	const day = 24 * time.Hour
	claim := func(uid types.UID, created time.Duration) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "blog-backup", UID: uid, CreationTimestamp: *testdb.Ago(created)}}
	}
	leaving := claim("first", day)
	leaving.DeletionTimestamp = testdb.Ago(0)
	known := v1.BackupStatus{
		LastSuccessTime: testdb.Ago(time.Hour), LastSuccessName: "a.dump", LastSuccessBytes: 10, Storage: v1.StorageStatus{ClaimUID: "first"},
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
			db := testdb.New()
			db.Status.Backup = test.before
			jobs := []batchv1.Job{testdb.Job("j", batchv1.JobComplete, test.ended, "")}
			seen := decide(db, Observed{Jobs: jobs}, test.claim, testdb.Noon)
			var event string
			if len(seen.Events) > 0 {
				event = seen.Events[0].Reason
			}
			if got := string(seen.Condition.Status) + " " + seen.Condition.Reason; got != test.condition || seen.Status.Storage.ClaimUID != test.uid || event != test.event {
				t.Errorf("%s, event %q, %+v", got, event, seen.Status)
			}
			if (seen.Status.LastSuccessTime == nil) != dumpsLost(test.uid, test.claim) {
				t.Errorf("status is %+v", seen.Status)
			}
		})
	}
}

func TestRequestedJob(t *testing.T) {
	cronJob := &batchv1.CronJob{Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{step.LabelDatabase: "blog"}},
		Spec:       batchv1.JobSpec{BackoffLimit: ptr.To[int32](2)},
	}}}
	db := testdb.New()
	db.Name, db.UID = strings.Repeat("a", 40), "one"
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
	db := testdb.New()
	db.Status.Backup = v1.BackupStatus{LastSuccessTime: testdb.Ago(0), LastRequest: "1"}
	db.Status.Conditions = []metav1.Condition{{Type: v1.ConditionBackupHealthy, Status: metav1.ConditionTrue}}
	db.Annotations = map[string]string{v1.AnnotationBackupRequest: "2"}
	seen := withoutBackups(db)
	if len(seen.Events) != 1 || seen.Events[0].Reason != "BackupNotConfigured" {
		t.Errorf("events are %+v", seen.Events)
	}
	seen.Into(&db.Status, 1)
	if db.Status.Backup.LastRequest != "2" || db.Status.Backup.LastSuccessTime == nil || meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy) != nil {
		t.Errorf("status is %+v", db.Status)
	}
	if again := withoutBackups(db); len(again.Events) != 0 {
		t.Errorf("reported again: %+v", again.Events)
	}
}
