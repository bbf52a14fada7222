package database

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

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

// ensureBackups takes up a request for a backup, and reports what the Jobs that create backups report. No backup is asked
// for before the server is ready: what failed then would be no news.
func (r *Reconciler) ensureBackups(
	ctx context.Context, db *v1.Database, cronJob *batchv1.CronJob, claim *corev1.PersistentVolumeClaim, ready bool,
) (*backups, error) {
	if db.Spec.Backup == nil {
		return withoutBackups(db), nil
	}
	jobs, pods := &batchv1.JobList{}, &corev1.PodList{}
	options := []client.ListOption{
		client.InNamespace(db.Namespace),
		client.MatchingLabels{step.LabelDatabase: db.Name, step.LabelComponent: step.ComponentBackup},
	}
	if err := r.Client.List(ctx, jobs, options...); err != nil {
		return nil, fmt.Errorf("list backup Jobs: %w", err)
	}
	if err := r.Client.List(ctx, pods, options...); err != nil {
		return nil, fmt.Errorf("list backup pods: %w", err)
	}
	asked := questionForJobs(jobs.Items, pods.Items, r.Clock.Now())
	explanation, err := r.explain(ctx, asked)
	if err != nil {
		return nil, err
	}
	seen := backupsFor(db, jobs.Items, pods.Items, claim, explanation, r.Clock.Now())
	seen.recheck = step.Sooner(seen.recheck, asked.after)
	request := requestOf(db)
	if request == "" || request == db.Status.Backup.LastRequest || !ready || cronJob == nil {
		return seen, nil
	}
	job := requestedJob(db, cronJob, request)
	if err := controllerutil.SetControllerReference(db, job, r.Client.Scheme()); err != nil {
		return seen, fmt.Errorf("own Job %s: %w", job.Name, err)
	}
	// One of this name was made for the same request, by a pass whose status was not written.
	if err := r.Client.Create(ctx, job); client.IgnoreAlreadyExists(err) != nil {
		return seen, fmt.Errorf("create Job %s: %w", job.Name, err)
	}
	seen.status.LastRequest = request
	seen.events = append(seen.events, step.Normal("BackupRequested", "Backup", fmt.Sprintf("Made Job %s for the backup that was asked for", job.Name)))
	return seen, nil
}

// requestOf is the value by which a backup is asked for, or empty.
func requestOf(db *v1.Database) string {
	return step.Shortened(db.Annotations[v1.AnnotationBackupRequest], maxRequest)
}

// withoutBackups is the report of a Database without spec.backup. What is known of earlier backups stays.
func withoutBackups(db *v1.Database) *backups {
	seen := &backups{status: *db.Status.Backup.DeepCopy()}
	if request := requestOf(db); request != "" && request != seen.status.LastRequest {
		seen.status.LastRequest = request
		seen.events = append(seen.events, step.Warning("BackupNotConfigured", "Backup",
			"A backup was asked for, and spec.backup says nothing of where to: set spec.backup, and ask again"))
	}
	return seen
}

// requestedJob is the Job for a request: the chart's, under a name that is the same each time for the same request.
func requestedJob(db *v1.Database, cronJob *batchv1.CronJob, request string) *batchv1.Job {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: db.Namespace,
			Name:      dbname.BackupJob(db.Name, db.UID, request),
			Labels:    cronJob.Spec.JobTemplate.Labels,
		},
		Spec: *cronJob.Spec.JobTemplate.Spec.DeepCopy(),
	}
	job.Spec.TTLSecondsAfterFinished = ptr.To[int32](requestedJobTTL)
	return job
}

// backupStorageFor finds out how large the volume claim of the dumps is to be.
func (r *Reconciler) backupStorageFor(ctx context.Context, db *v1.Database) (storage, error) {
	if db.Spec.Backup == nil {
		return storage{}, nil
	}
	key := client.ObjectKey{Namespace: db.Namespace, Name: step.BackupClaimName(db)}
	claim, err := r.claim(ctx, key, db.Status.Backup.Storage.ClaimUID != "")
	if err != nil {
		return storage{}, err
	}
	return r.storageFor(ctx, claim, wanted("spec.backup.storage", v1.DatabaseStorage(db.Spec.Backup.Storage)))
}

// backupValues are the chart's values for backups and for the dump to begin with. Without either there are none, so
// that a Database without backups has the values, and the release, that it had before there were any.
func backupValues(db *v1.Database, claim storage) (map[string]any, error) {
	values := map[string]any{}
	if spec := db.Spec.Backup; spec != nil {
		resources, err := resourceValues(spec.Resources, backupResources(db))
		if err != nil {
			return nil, fmt.Errorf("spec.backup.resources: %w", err)
		}
		backup := map[string]any{
			"name":      db.Name,
			"schedule":  spec.Schedule,
			"timeZone":  spec.TimeZone,
			"suspend":   ptr.Deref(spec.Suspend, false),
			"retain":    int64(spec.Retain),
			"resources": resources,
			"storage":   claim.values(),
		}
		if spec.Verification == v1.VerificationRead {
			backup["verification"] = string(spec.Verification)
		}
		values["backup"] = backup
	}
	if from := restoreSource(db); from.Database != "" {
		values["restore"] = map[string]any{"from": from.Database, "dump": from.Dump}
	}
	return values, nil
}

// restoreSource is the dump that the data directory is to be initialized from, and empty where there is none. It names the
// volume of the dumps until the server was seen with the data. After that this is not mounted any more: it would have to be
// on the server's node for ever, and could not be removed.
func restoreSource(db *v1.Database) v1.DatabaseRestore {
	if dump := lostDataDump(db); dump != "" {
		return v1.DatabaseRestore{Database: db.Name, Dump: dump}
	}
	if db.Status.RestoreTime == nil {
		return db.Spec.RestoreFrom
	}
	return v1.DatabaseRestore{}
}
