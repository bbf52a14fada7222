package testdb

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// StatefulSet is one of a generation, with a status.
func StatefulSet(generation int64, status appsv1.StatefulSetStatus) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "s", Generation: generation}, Status: status}
}

// Pod is one whose container is in a state, after it was in another.
func Pod(container, last corev1.ContainerState) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "s-0"},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: container, LastTerminationState: last, Image: "img"},
		}},
	}
}

// Waiting is the state of a container that waits.
func Waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// Terminated is the state of a container that ended.
func Terminated(code int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: message}}
}

// Unscheduled is a pod that has no node since some time.
func Unscheduled(since time.Duration) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "s-0"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes", LastTransitionTime: *Ago(since),
	}}}}
}

// Job is a Job that began to end some time ago, if it has ended.
func Job(name string, end batchv1.JobConditionType, since time.Duration, message string) batchv1.Job {
	job := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: *Ago(since)}}
	if end != "" {
		job.Status.Conditions = []batchv1.JobCondition{
			{Type: "SuccessCriteriaMet", Status: corev1.ConditionTrue, LastTransitionTime: *Ago(since)},
			{Type: end, Status: corev1.ConditionTrue, LastTransitionTime: *Ago(since), Message: message},
		}
	}
	return job
}

// TryOf is a pod of a Job, created some time ago.
func TryOf(job string, created time.Duration, state corev1.ContainerState) corev1.Pod {
	tried := Pod(state, corev1.ContainerState{})
	tried.CreationTimestamp = *Ago(created)
	tried.OwnerReferences = []metav1.OwnerReference{{UID: types.UID("uid-" + job), Controller: ptr.To(true)}}
	return tried
}

// Reported is the state of a backup's container that reports a dump.
func Reported(name string, bytes int64) corev1.ContainerState {
	return Terminated(0, fmt.Sprintf(`{"name":%q,"bytes":%d,"seconds":3}`, name, bytes)+"\n")
}
