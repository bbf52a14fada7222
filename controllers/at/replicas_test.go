package at

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// An At of several replicas has an indexed Job of as many pods; one of a single pod has the Job that it always had.
func TestJobOfReplicas(t *testing.T) {
	at := &cnatv1.At{Spec: cnatv1.AtSpec{Run: runv1.Run{Command: "true"}, Replicas: 3}}
	job := newJob(at, "sh")
	if *job.Spec.Completions != 3 || *job.Spec.Parallelism != 3 || *job.Spec.CompletionMode != batchv1.IndexedCompletion {
		t.Errorf("%+v", job.Spec)
	}
	for _, replicas := range []int32{0, 1} {
		at.Spec.Replicas = replicas
		if job := newJob(at, "sh"); job.Spec.Completions != nil || job.Spec.Parallelism != nil || job.Spec.CompletionMode != nil {
			t.Errorf("%+v", job.Spec)
		}
	}
}

// replica is a pod of a run of several: of one index, created and ended at a second; running while the exit code is below 0.
func replica(index string, created, ended, exitCode int) corev1.Pod {
	at := func(second int) metav1.Time { return metav1.Unix(int64(1000+second), 0) }
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pod-" + index + "-" + time.Duration(created).String(), CreationTimestamp: at(created),
			Labels: map[string]string{batchv1.JobCompletionIndexAnnotation: index},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}},
	}
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(created)}}
	pod.Status.Phase = corev1.PodRunning
	if exitCode >= 0 {
		state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			StartedAt: at(created), FinishedAt: at(ended), ExitCode: int32(exitCode),
		}}
		pod.Status.Phase = corev1.PodSucceeded
		if exitCode > 0 {
			pod.Status.Phase = corev1.PodFailed
		}
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: state}}
	return pod
}

// A run of several pods is over when all are, has failed when one has, and a later attempt takes the place of the failed one.
func TestRunOfReplicas(t *testing.T) {
	for _, test := range []struct {
		name     string
		pods     []corev1.Pod
		over     bool
		exitCode *int32
		failed   bool
	}{
		{"one still runs", []corev1.Pod{replica("0", 0, 5, 0), replica("1", 0, 0, -1), replica("2", 0, 3, 0)}, false, nil, false},
		{"all succeeded", []corev1.Pod{replica("0", 0, 5, 0), replica("1", 0, 9, 0)}, true, ptr.To[int32](0), false},
		{"the first that failed", []corev1.Pod{replica("0", 0, 9, 4), replica("1", 0, 3, 7), replica("2", 0, 0, -1)}, true, ptr.To[int32](7), true},
		{"tried again", []corev1.Pod{replica("0", 0, 2, 3), replica("0", 4, 6, 0), replica("1", 0, 9, 0)}, true, ptr.To[int32](0), false},
	} {
		got := observeRun(test.pods)
		if got.over != test.over || !ptr.Equal(got.exitCode, test.exitCode) || (got.failure != nil) != test.failed {
			t.Errorf("%s: over %v, exit code %v, failure %v", test.name, got.over, ptr.Deref(got.exitCode, -1), got.failure)
		}
		if got.started == nil || got.started.Unix() != 1000 {
			t.Errorf("%s: started %v", test.name, got.started)
		}
	}
	late := observeRun([]corev1.Pod{replica("0", 0, 5, 0), replica("1", 0, 9, 0)})
	if late.ended == nil || late.ended.Unix() != 1009 {
		t.Errorf("it ended at %v, not with the last pod", late.ended)
	}
}

// Replicas are no retries.
func TestRetriesOfReplicas(t *testing.T) {
	job := &batchv1.Job{Spec: batchv1.JobSpec{Completions: ptr.To[int32](3)}, Status: batchv1.JobStatus{Active: 3}}
	at := &cnatv1.At{}
	status := nextStatus(at, observation{step: stepObserve, job: job, run: run{}})
	if status.Retries != nil {
		t.Errorf("%d retries of three pods", *status.Retries)
	}
	job.Status.Failed = 1
	if status = nextStatus(at, observation{step: stepObserve, job: job, run: run{}}); ptr.Deref(status.Retries, 0) != 1 {
		t.Errorf("%v retries after a failure", status.Retries)
	}
}
