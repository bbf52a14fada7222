package step

import corev1 "k8s.io/api/core/v1"

// Event is an event to be sent once the status that it is about is written.
type Event struct {
	Kind   string
	Reason string
	Action string
	Note   string
}

// Normal is an event of something that went as it should.
func Normal(reason, action, note string) Event {
	return Event{Kind: corev1.EventTypeNormal, Reason: reason, Action: action, Note: note}
}

// Warning is an event of something that a user should know of.
func Warning(reason, action, note string) Event {
	return Event{Kind: corev1.EventTypeWarning, Reason: reason, Action: action, Note: note}
}
