package server

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

// A server whose processes are killed one at a time, as for their memory, recovers within its container: no pod says so. The
// readiness check does, once, in an event of the kubelet's.

// +kubebuilder:rbac:groups="",resources=events,verbs=list;watch

// reasonCrashed is the check's word for it.
const reasonCrashed = "Crashed"

// crashed begins the kubelet's message.
const crashed = probeFailed + reasonCrashed + ": "

// crashCount is how often it happened, in that message.
var crashCount = regexp.MustCompile(`\(([0-9]{1,9}) times`)

// CachedCrashes are the events that are watched. Of those that are not of a crash nothing is kept but their names.
func CachedCrashes() cache.ByObject {
	return cache.ByObject{
		Field: fields.SelectorFromSet(fields.Set{"reason": "Unhealthy", "involvedObject.kind": "Pod"}),
		Transform: func(object any) (any, error) {
			seen, ok := object.(*corev1.Event)
			if !ok {
				return object, nil
			}
			slim := &corev1.Event{ObjectMeta: metav1.ObjectMeta{
				Namespace: seen.Namespace, Name: seen.Name, UID: seen.UID, ResourceVersion: seen.ResourceVersion,
			}}
			if strings.HasPrefix(seen.Message, crashed) {
				slim.CreationTimestamp, slim.LastTimestamp, slim.EventTime, slim.Series = seen.CreationTimestamp, seen.LastTimestamp, seen.EventTime, seen.Series
				slim.InvolvedObject, slim.Message = seen.InvolvedObject, seen.Message
			}
			return slim, nil
		},
	}
}

// CrashedDatabase leads from such an event to the Database by the name of its pod.
func CrashedDatabase(_ context.Context, seen *corev1.Event) []reconcile.Request {
	if seen.Message == "" {
		return nil
	}
	name, found := strings.CutSuffix(seen.InvolvedObject.Name, "-database-0")
	if !found {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: seen.Namespace, Name: name}}}
}

// withCrashes adds to the restarts of a server what the cached events say of crashes that it recovered from. What they said
// before stays, since events expire.
func withCrashes(
	before v1.RestartStatus, now *v1.RestartStatus, list []corev1.Pod, events []corev1.Event,
) *v1.RestartStatus {
	pod := pods.Remaining(list)
	if pod == nil || now == nil {
		return now
	}
	if before.LastReason == reasonCrashed && (now.LastTime == nil || now.LastTime.Before(before.LastTime)) {
		now.Crashes, now.LastTime, now.LastReason, now.LastMessage = before.Crashes, before.LastTime, before.LastReason, before.LastMessage
	}
	for i := range events {
		seen := &events[i]
		at := metav1.NewTime(pods.SeenAt(seen).Truncate(time.Second))
		if seen.InvolvedObject.UID != pod.UID || seen.Message == "" || now.LastTime != nil && !now.LastTime.Before(&at) {
			continue
		}
		now.LastTime, now.LastReason = &at, reasonCrashed
		now.LastMessage = step.Shortened(strings.TrimSpace(strings.TrimPrefix(seen.Message, crashed)), step.MaxMessage)
		if count := crashCount.FindStringSubmatch(seen.Message); count != nil {
			n, _ := strconv.ParseInt(count[1], 10, 32)
			now.Crashes = int32(n)
		}
	}
	return now
}
