package database

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// endJob plays the kubelet and the Job controller.
func endJob(t *testing.T, job *batchv1.Job, end batchv1.JobConditionType, state corev1.ContainerState) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: job.Spec.Template.ObjectMeta, Spec: job.Spec.Template.Spec}
	pod.Namespace, pod.GenerateName = job.Namespace, job.Name+"-"
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	// Nobody makes it here.
	pod.Spec.ServiceAccountName = ""
	if err := api.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase = corev1.PodSucceeded
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "backup", State: state}}
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	now := metav1.Now()
	criteria := batchv1.JobSuccessCriteriaMet
	job.Status.StartTime = &now
	if end == batchv1.JobFailed {
		criteria = batchv1.JobFailureTarget
		job.Status.Failed = 1
	} else {
		job.Status.Succeeded, job.Status.CompletionTime = 1, &now
	}
	for _, kind := range []batchv1.JobConditionType{criteria, end} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now, LastProbeTime: now, Message: "the Job's word",
		})
	}
	if err := api.Status().Update(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

// waitJobs waits for a number of Jobs of a Database, and returns the newest.
func waitJobs(t *testing.T, db *v1.Database, count int) *batchv1.Job {
	t.Helper()
	jobs := &batchv1.JobList{}
	eventually(t, fmt.Sprintf("%d Jobs", count), func() error {
		if err := api.List(t.Context(), jobs, client.InNamespace(db.Namespace), client.MatchingLabels{step.LabelDatabase: db.Name}); err != nil {
			return err
		}
		if len(jobs.Items) != count {
			return fmt.Errorf("there are %d", len(jobs.Items))
		}
		return nil
	})
	for i := range jobs.Items {
		if len(jobs.Items[i].Status.Conditions) == 0 {
			return &jobs.Items[i]
		}
	}
	return nil
}

func annotate(t *testing.T, db *v1.Database, value string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1.AnnotationBackupRequest, value)
	if err := api.Patch(t.Context(), db, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		t.Fatal(err)
	}
}

func TestBackupOnRequest(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	op := startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "blog").spec(func(s *v1.DatabaseSpec) {
		s.Backup = &v1.DatabaseBackup{Schedule: "30 3 * * *", TimeZone: "Europe/Berlin"}
	}).build()
	// Asked for before there is a server: it is made once there is.
	db.Annotations = map[string]string{v1.AnnotationBackupRequest: "first"}
	if err := api.Create(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonStarting)
	cronJob := named(&batchv1.CronJob{}, namespace, "blog-backup")
	if err := get(t, cronJob); err != nil || ptr.Deref(cronJob.Spec.TimeZone, "") != "Europe/Berlin" {
		t.Fatalf("%+v, %v", cronJob.Spec, err)
	}
	waitJobs(t, db, 0)
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionBackupHealthy, metav1.ConditionUnknown, v1.ReasonBackupRunning)

	job := waitJobs(t, db, 1)
	if !metav1.IsControlledBy(job, db) {
		t.Errorf("nobody owns the Job: %+v", job.OwnerReferences)
	}
	endJob(t, job, batchv1.JobComplete, testdb.Terminated(0, `{"name":"blog-1.dump","bytes":1234,"seconds":1}`))
	waitCondition(t, db, v1.ConditionBackupHealthy, metav1.ConditionTrue, v1.ReasonBackupSucceeded)
	if b := db.Status.Backup; b.LastSuccessTime == nil || b.LastSuccessName != "blog-1.dump" || b.LastSuccessBytes != 1234 || b.LastRequest != "first" {
		t.Errorf("status is %s", encoded(t, b))
	}
	waitEvent(t, db, "BackupRequested")
	waitEvent(t, db, v1.ReasonBackupSucceeded)

	// Another operator, and one whose status was lost, don't make it again.
	op.stop()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"backup":null}}`))
	if err := api.Status().Patch(t.Context(), db, patch); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	waitCondition(t, db, v1.ConditionBackupHealthy, metav1.ConditionTrue, v1.ReasonBackupSucceeded)
	eventually(t, "the request to be known", func() error {
		if err := get(t, db); err != nil || db.Status.Backup.LastRequest != "first" || db.Status.Backup.LastSuccessBytes != 1234 {
			return fmt.Errorf("%s, %w", encoded(t, db.Status.Backup), err)
		}
		return nil
	})
	waitJobs(t, db, 1)

	annotate(t, db, "second")
	endJob(t, waitJobs(t, db, 2), batchv1.JobFailed, testdb.Terminated(1, "No space left on device\n"))
	waitCondition(t, db, v1.ConditionBackupHealthy, metav1.ConditionFalse, v1.ReasonBackupFailed)
	if note := waitEvent(t, db, v1.ReasonBackupFailed); !strings.Contains(note, "No space left") {
		t.Error(note)
	}
	if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) || db.Status.Backup.LastSuccessName != "blog-1.dump" {
		t.Errorf("status is %s", encoded(t, db.Status))
	}

	t.Run("what a user does to the CronJob is restored", func(t *testing.T) {
		update(t, cronJob, func() { cronJob.Spec.Suspend = ptr.To(true) })
		eventually(t, "the CronJob to go on", func() error {
			if err := get(t, cronJob); err != nil || *cronJob.Spec.Suspend {
				return fmt.Errorf("suspended, %w", err)
			}
			return nil
		})
	})

	t.Run("without backups the dumps stay, and a request is refused", func(t *testing.T) {
		update(t, db, func() { db.Spec.Backup = nil })
		eventually(t, "the CronJob to be deleted", func() error { return isDeleted(t, cronJob) })
		if err := get(t, named(&corev1.PersistentVolumeClaim{}, namespace, "blog-backup")); err != nil {
			t.Error(err)
		}
		annotate(t, db, "third")
		waitEvent(t, db, "BackupNotConfigured")
		becomeReady(t, db)
		if meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy) != nil || db.Status.Backup.LastSuccessBytes != 1234 {
			t.Errorf("status is %s", encoded(t, db.Status))
		}
	})
}

func TestRestoreThenNoMoreMount(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "copy").spec(func(s *v1.DatabaseSpec) {
		s.RestoreFrom = v1.DatabaseRestore{Database: "old"}
	}).create(t)
	statefulSet := statefulSetOf(db)
	eventually(t, "the StatefulSet", func() error { return get(t, statefulSet) })
	if init := statefulSet.Spec.Template.Spec.InitContainers; len(init) != 2 || init[0].Name != "restore" {
		t.Fatalf("init containers are %+v", init)
	}
	// Ready only once the server runs as it will from now on.
	becomeReady(t, db)
	if err := get(t, statefulSet); err != nil {
		t.Fatal(err)
	}
	if init := statefulSet.Spec.Template.Spec.InitContainers; len(init) != 1 || db.Status.RestoreTime == nil || db.Status.Release.Revision != 2 {
		t.Errorf("init containers are %+v, status %s", init, encoded(t, db.Status))
	}
	waitEvent(t, db, "Restored")
}

// A CronJob that the API server refuses takes nothing from the server, which has all that the spec asks of it.
func TestBackupThatIsRefusedLeavesTheServerReady(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	quota := zeroQuota(t, namespace, "count/cronjobs.batch")
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "blog").create(t)
	becomeReady(t, db)
	since := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady).LastTransitionTime
	time.Sleep(time.Second) // Times in a status are whole seconds.
	update(t, db, func() { db.Spec.Backup = &v1.DatabaseBackup{Schedule: "30 3 * * *"} })
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)
	stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
	if !strings.Contains(stalled.Message, "blog-backup") || !strings.Contains(stalled.Message, "exceeded quota") {
		t.Error(stalled.Message)
	}
	ready := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReady)
	if ready.Status != metav1.ConditionTrue || !ready.LastTransitionTime.Equal(&since) {
		t.Errorf("since %s, now %+v", since, ready)
	}

	// What the server itself is made of still is rolled out, and says how it goes.
	update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
	waitCondition(t, db, v1.ConditionReady, metav1.ConditionFalse, v1.ReasonStarting)
	becomeReady(t, db)
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonReleaseFailed)

	// What is deleted comes back, however long the next try is put off.
	failures := db.Status.Release.Failures
	service := named(&corev1.Service{}, namespace, step.ReleaseName(db))
	if err := api.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Service", func() error { return ownedBy(t, service, db) })
	if err := get(t, db); err != nil || db.Status.Release.Failures != failures {
		t.Errorf("only with the next try: %+v, %v", db.Status.Release, err)
	}

	if err := api.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)
	if err := get(t, named(&batchv1.CronJob{}, namespace, "blog-backup")); err != nil {
		t.Error(err)
	}
}
