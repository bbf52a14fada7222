package db

import (
	"regexp"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/dbname"
)

// template is a pod that the API server takes.
func template(container string) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: container, Image: "postgres:18"}},
	}
}

// labels are those of a Database's objects.
func labels(database, component string) map[string]string {
	return map[string]string{dbname.LabelDatabase: database, dbname.LabelComponent: component}
}

// newJob is a Job as the operator makes it for a request.
func newJob(db *v1.Database, name string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: db.Namespace, Name: name, Labels: labels(db.Name, dbname.ComponentBackup),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(db, v1.GroupVersion.WithKind("Database"))},
		},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: template("backup")}},
	}
}

// endJob gives a Job the status of one that is over, as the API server asks of it.
func endJob(job *batchv1.Job, end batchv1.JobConditionType, at metav1.Time) {
	began := metav1.NewTime(at.Add(-1))
	job.Status.StartTime = &began
	before := batchv1.JobSuccessCriteriaMet
	if end == batchv1.JobFailed {
		before = batchv1.JobFailureTarget
	} else {
		job.Status.CompletionTime = &at
	}
	for _, kind := range []batchv1.JobConditionType{before, end} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: at, Message: map[bool]string{true: "BackoffLimitExceeded"}[end == batchv1.JobFailed],
		})
	}
}

// backupPod is a Job's pod that ended well, with what it left.
func backupPod(job *batchv1.Job, message string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name + "-pod", Labels: job.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: template("backup"),
		Status: corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "backup", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}},
		}}},
	}
}

var spaces = regexp.MustCompile(` +`)

// spaced is a table without what its columns' widths are.
func spaced(table string) string { return spaces.ReplaceAllString(table, " ") }
