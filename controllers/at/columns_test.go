package at

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/testenv"
)

// What `kubectl get ats` prints distinguishes Ats that all are Pending, and how others ended.
func TestColumns(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace)
	add := func(name string, change func(*cnatv1.At)) *cnatv1.At {
		at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
		at.Spec.After, at.Spec.Command = &metav1.Duration{Duration: time.Hour}, "echo YAY"
		change(at)
		create(t, at)
		return at
	}
	waits := add("waits", func(*cnatv1.At) {})
	add("suspended", suspended)
	add("refused", func(at *cnatv1.At) {
		at.Spec.Command, at.Spec.Containers = "", []corev1.Container{{Name: "My_Task", Image: "b"}}
	})
	add("cancelled", cancelled)
	schedule := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	failed := add("failed", func(at *cnatv1.At) { at.Spec.After, at.Spec.Schedule = nil, &schedule })
	job := awaitJob(t, failed)
	playPod(t, job, ended(3, "no disk"))
	playEnd(t, job, batchv1.JobFailed)
	now := func(at *cnatv1.At) { at.Spec.After.Duration = time.Millisecond }
	notStarting := add("not-starting", now)
	playPod(t, awaitJob(t, notStarting), waiting("ImagePullBackOff", "there is none"))
	podRefused := add("pod-refused", now)
	playEvent(t, "Job", awaitJob(t, podRefused), "job-controller", "FailedCreate", "exceeded quota: q")

	want := map[string]map[string]string{
		"waits":     {"Schedule": waits.CreationTimestamp.Add(time.Hour).UTC().Format(time.RFC3339), "Phase": "Pending"},
		"suspended": {"Phase": "Pending", "Reason": "Suspended"},
		"refused":   {"Phase": "Pending", "Reason": "JobRefused", "Message": "My_Task"},
		"cancelled": {"Phase": "Cancelled", "Reason": "Cancelled", "Message": "cancelled before it started"},
		"not-starting": {
			"Phase": "Pending", "Reason": "PodNotStarting", "Job": jobName(notStarting),
			"Message": "ImagePullBackOff: there is none",
		},
		"pod-refused": {
			"Phase": "Pending", "Reason": "PodRefused", "Job": jobName(podRefused), "Message": "exceeded quota: q",
		},
		"failed": {
			"Schedule": schedule.UTC().Format(time.RFC3339), "Phase": "Failed", "Reason": "ContainerFailed", "Job": job.Name,
			"Exit Code": "3", "Message": "container command failed with exit code 3: no disk",
		},
	}
	eventually(t, "all columns", func() (bool, error) {
		got := testenv.Table(t, apiConfig, cnatv1.GroupVersion, namespace, "ats")
		for name, cells := range want {
			for _, column := range []string{"Schedule", "Phase", "Reason", "Job", "Exit Code", "Message"} {
				value := got[name][column]
				if _, given := cells[column]; column == "Schedule" && !given {
					continue // each has one
				}
				if column == "Message" && cells[column] != "" && strings.Contains(value, cells[column]) {
					continue // it has the API server's words as well
				}
				if value != cells[column] {
					return false, fmt.Errorf("%s of %s is %q, want %q", column, name, value, cells[column])
				}
			}
			if got[name]["Schedule"] == "" {
				return false, fmt.Errorf("%s has no schedule: %v", name, got[name])
			}
		}
		return true, nil
	})
}

// An At that is created with cancel, as by a backup tool, never gets a Job.
func TestCreatedWithCancel(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace)
	at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Name: "cnrex", Namespace: namespace}}
	at.Spec.Schedule, at.Spec.Command, at.Spec.Cancel = ptr.To(metav1.NewTime(time.Now().Add(-time.Hour))), "echo YAY", ptr.To(true)
	jobs := jobsCreated(t, namespace)
	create(t, at)
	awaitAt(t, at, "Cancelled", isPhase(cnatv1.AtCancelled))
	if at.Status.JobName != "" || atPinned(at) || len(jobs) > 0 {
		t.Errorf("%s, and Jobs: %d", describe(at), len(jobs))
	}
}
