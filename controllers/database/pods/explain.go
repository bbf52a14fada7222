package pods

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Why a pod can't be created, can't mount its volumes, or takes no login, is only in events. They are read live, and only
// while something is wrong for longer than it usually takes.

const (
	// ExplainRecheck is how often events are read while they may report something.
	ExplainRecheck = 10 * time.Second
	// CreateGrace is how long a StatefulSet or a Job may take to create its pod.
	CreateGrace = 3 * time.Second
)

// CreateReasons are those of events that explain why there is no pod.
var CreateReasons = []string{"FailedCreate", "SuccessfulCreate"}

// Question is about which object events are to be read, if about any.
type Question struct {
	About   client.Object
	Reasons []string
	Since   time.Time
	// After is when to ask, where it is too soon.
	After time.Duration
}

// Ask is a question, or when to ask it. A time that is ahead of the clock is one of now.
func Ask(about client.Object, reasons []string, since time.Time, grace time.Duration, now time.Time) Question {
	if wait := min(grace-now.Sub(since), grace); wait > 0 {
		return Question{After: wait}
	}
	return Question{About: about, Reasons: reasons, Since: since}
}

// Answer reads the events that the question is about, live, and returns the newest one's message.
func (q Question) Answer(ctx context.Context, live client.Reader) (string, error) {
	if q.About == nil {
		return "", nil
	}
	events := &corev1.EventList{}
	err := live.List(ctx, events, client.InNamespace(q.About.GetNamespace()),
		client.MatchingFields{"involvedObject.uid": string(q.About.GetUID())})
	if err != nil {
		return "", fmt.Errorf("list the events of %s: %w", q.About.GetName(), err)
	}
	return explained(events.Items, q), nil
}

// explained is the message of the newest event that answers a question, where that is a warning.
func explained(events []corev1.Event, asked Question) string {
	var newest *corev1.Event
	for i := range events {
		found := &events[i]
		if SeenAt(found).Before(asked.Since.Truncate(time.Second)) || !slices.Contains(asked.Reasons, found.Reason) {
			continue
		}
		if newest == nil || SeenAt(newest).Before(SeenAt(found)) {
			newest = found
		}
	}
	if newest == nil || newest.Type != corev1.EventTypeWarning {
		return ""
	}
	return strings.TrimSpace(newest.Message)
}

// SeenAt is when an event was last seen.
func SeenAt(event *corev1.Event) time.Time {
	at := event.LastTimestamp.Time
	if event.Series != nil && event.Series.LastObservedTime.After(at) {
		at = event.Series.LastObservedTime.Time
	}
	for _, other := range []time.Time{event.EventTime.Time, event.CreationTimestamp.Time} {
		if other.After(at) {
			at = other
		}
	}
	return at
}
