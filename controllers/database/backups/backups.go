// Package backups takes up requests for backups, and reports what the Jobs that create them report.
package backups

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/dbname"
)

// +kubebuilder:rbac:groups=batch,resources=cronjobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create

const (
	// requestedJobTTL is how long a Job that was asked for stays after its end. The operator reads the outcome from it,
	// and may be down meanwhile.
	requestedJobTTL = 24 * 60 * 60

	// maxRequest is how much of a request's value is looked at.
	maxRequest = 256
)

// Observed is what there is of backups.
type Observed struct {
	Jobs []batchv1.Job
	Pods []corev1.Pod
	// Explanation is what an event says of why a Job has no pod, and AskAfter when to look for one.
	Explanation string
	AskAfter    time.Duration
}

// Needs is what backups need of the other steps.
type Needs struct {
	// Claim is the volume claim of the dumps; nil: there is none.
	Claim *corev1.PersistentVolumeClaim
	// CronJob is as it was rendered; nil: it is not there.
	CronJob *batchv1.CronJob
	// Ready says that the server is. No backup is asked for before: what failed then would be no news.
	Ready bool
}

// Observe reads the Jobs and their pods.
func Observe(ctx context.Context, cached, live client.Reader, db *v1.Database, now time.Time) (Observed, error) {
	if db.Spec.Backup == nil {
		return Observed{}, nil
	}
	jobs, list := &batchv1.JobList{}, &corev1.PodList{}
	options := []client.ListOption{
		client.InNamespace(db.Namespace),
		client.MatchingLabels{step.LabelDatabase: db.Name, step.LabelComponent: step.ComponentBackup},
	}
	if err := cached.List(ctx, jobs, options...); err != nil {
		return Observed{}, fmt.Errorf("list backup Jobs: %w", err)
	}
	if err := cached.List(ctx, list, options...); err != nil {
		return Observed{}, fmt.Errorf("list backup pods: %w", err)
	}
	asked := questionFor(jobs.Items, list.Items, now)
	explanation, err := asked.Answer(ctx, live)
	return Observed{Jobs: jobs.Items, Pods: list.Items, Explanation: explanation, AskAfter: asked.After}, err
}

// Decide computes what to report of backups, and whether a Job is to be created for a request.
func Decide(db *v1.Database, seen Observed, needs Needs, now time.Time) *Decision {
	if db.Spec.Backup == nil {
		return withoutBackups(db)
	}
	d := decide(db, seen, needs.Claim, now)
	d.Recheck = step.Sooner(d.Recheck, seen.AskAfter)
	request := requestOf(db)
	if request != "" && request != db.Status.Backup.LastRequest && needs.Ready && needs.CronJob != nil {
		d.request, d.job = request, requestedJob(db, needs.CronJob, request)
	}
	return d
}

// Act creates the Job, and reports that.
func (d *Decision) Act(ctx context.Context, c client.Client) error {
	if d.job == nil {
		return nil
	}
	// One of this name was created for the same request, by a pass whose status was not written.
	if err := c.Create(ctx, d.job); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("create Job %s: %w", d.job.Name, err)
	}
	d.Status.LastRequest = d.request
	d.Events = append(d.Events, step.Normal("BackupRequested", "Backup",
		fmt.Sprintf("Made Job %s for the backup that was asked for", d.job.Name)))
	return nil
}

// requestOf is the value by which a backup is asked for, or empty.
func requestOf(db *v1.Database) string {
	return step.Shortened(db.Annotations[v1.AnnotationBackupRequest], maxRequest)
}

// withoutBackups is the report of a Database without spec.backup. What is known of earlier backups stays.
func withoutBackups(db *v1.Database) *Decision {
	d := &Decision{Status: *db.Status.Backup.DeepCopy()}
	if request := requestOf(db); request != "" && request != d.Status.LastRequest {
		d.Status.LastRequest = request
		d.Events = append(d.Events, step.Warning("BackupNotConfigured", "Backup",
			"A backup was asked for, and spec.backup says nothing of where to: set spec.backup, and ask again"))
	}
	return d
}

// requestedJob is the Job for a request: the chart's, under a name that is the same each time for the same request.
func requestedJob(db *v1.Database, cronJob *batchv1.CronJob, request string) *batchv1.Job {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: db.Namespace,
			Name:      dbname.BackupJob(db.Name, db.UID, request),
			Labels:    cronJob.Spec.JobTemplate.Labels,
			// It is deleted with the Database.
			OwnerReferences: step.OwnedBy(db),
		},
		Spec: *cronJob.Spec.JobTemplate.Spec.DeepCopy(),
	}
	job.Spec.TTLSecondsAfterFinished = ptr.To[int32](requestedJobTTL)
	return job
}
