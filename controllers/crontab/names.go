package crontab

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
)

const (
	// labelCronTab on an At and on its pods names the CronTab.
	labelCronTab = "stable.example.com/crontab"
	// labelRevision on an At identifies what it was created to run. It is removed from one that must not start any more.
	labelRevision = "stable.example.com/revision"
	// labelGeneration on an At is the generation of the CronTab that it was created for.
	labelGeneration = "stable.example.com/generation"
	// labelScheduled on an At is its scheduled time, in Unix time. One that was asked for has none.
	labelScheduled = "stable.example.com/scheduled"
	// labelReleased on an At says that it was allowed to start. It is never removed.
	labelReleased = "stable.example.com/released"
	// annotationScheduled on a run's At and pods is its scheduled time, in RFC 3339.
	annotationScheduled = "stable.example.com/scheduled-time"
	// annotationRequest on a run's At and pods is the request that asked for it.
	annotationRequest = "stable.example.com/run-requested-at"
	// scheduledTimeVariable is the environment variable of a run's containers with its scheduled time, in RFC 3339.
	scheduledTimeVariable = "SCHEDULED_TIME"

	// queueLabel on a CronTab names the queue of Kueue that starts its runs.
	queueLabel = "kueue.x-k8s.io/queue-name"

	// maxRequest bounds what is stored of a request.
	maxRequest = 256
)

// atName is the name of the At that runs at a scheduled time: 63 characters at most.
func atName(tab *v1.CronTab, scheduled time.Time) string {
	return tab.Name + "-" + strconv.FormatInt(scheduled.Unix(), 10)
}

// requestedAtName is the name of the At of a request.
func requestedAtName(tab *v1.CronTab, request string) string {
	return tab.Name + "-" + digest(tab.UID, request)
}

// requestOf is what the CronTab's user asks for, or nothing.
func requestOf(tab *v1.CronTab) string {
	request := tab.Annotations[v1.AnnotationRunRequest]
	if len(request) > maxRequest {
		return digest(request)
	}
	return request
}

// owns reports whether an At is the CronTab's.
func owns(tab *v1.CronTab, at *cnatv1.At) bool { return metav1.IsControlledBy(at, tab) }

// started reports whether an At's run has started, which nothing takes back.
func started(at *cnatv1.At) bool { return at.Status.JobUID != "" }

// over reports whether an At starts nothing any more.
func over(at *cnatv1.At) bool { return started(at) || at.Status.Finished() }

func released(at *cnatv1.At) bool { return at.Labels[labelReleased] != "" }

func retracted(at *cnatv1.At) bool { return at.Labels[labelRevision] == "" }

// still reports whether an At that was retracted can't start any more, and has no Job.
func still(at *cnatv1.At) bool {
	return retracted(at) && at.Spec.Suspend != nil && *at.Spec.Suspend && !started(at) && at.Status.PreparedJobUID == "" &&
		(!released(at) || at.Status.ObservedGeneration == at.Generation)
}
