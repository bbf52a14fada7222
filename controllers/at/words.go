package at

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/text"
)

// words are what an event says, of all that the cache keeps of it.
type words struct {
	reason, message string
	last            time.Time // when it was last said
}

// cachedEvents are the events that the cache must hold, without what is not shown.
func cachedEvents() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Event{}:   {Field: eventsOfJobs, Transform: stripEvent},
		&eventsv1.Event{}: {Field: eventsOfPods, Transform: stripEvent},
	}
}

// stripEvent leaves of an event what is shown: who writes events may put much into them.
func stripEvent(object any) (any, error) {
	switch event := object.(type) {
	case *corev1.Event:
		speaker, said := wordsOfJobEvent(event)
		return &corev1.Event{
			ObjectMeta: identity(event.ObjectMeta), InvolvedObject: stripReference(event.InvolvedObject),
			ReportingController: text.Bounded(speaker, maxName), Reason: text.Bounded(said.reason, maxName),
			Message: text.Bounded(said.message, maxWords), LastTimestamp: metav1.NewTime(said.last),
		}, nil
	case *eventsv1.Event:
		speaker, said := wordsOfPodEvent(event)
		return &eventsv1.Event{
			ObjectMeta: identity(event.ObjectMeta), Regarding: stripReference(event.Regarding),
			ReportingController: text.Bounded(speaker, maxName), Reason: text.Bounded(said.reason, maxName),
			Note: text.Bounded(said.message, maxWords), DeprecatedLastTimestamp: metav1.NewTime(said.last),
		}, nil
	}
	return object, nil
}

func identity(meta metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: meta.Namespace, Name: meta.Name, UID: meta.UID, ResourceVersion: meta.ResourceVersion}
}

func stripReference(of corev1.ObjectReference) corev1.ObjectReference {
	return corev1.ObjectReference{Kind: text.Bounded(of.Kind, maxName), Name: text.Bounded(of.Name, 253), UID: types.UID(text.Bounded(string(of.UID), maxName))}
}

// newest is what was said last by somebody who is to be shown; nil: nothing.
func newest[E any](events []E, wordsOf func(*E) (speaker string, said words)) *words {
	var last *words
	for i := range events {
		speaker, said := wordsOf(&events[i])
		if slices.Contains(speakers, speaker) && (last == nil || said.last.After(last.last)) {
			last = &said
		}
	}
	return last
}

func wordsOfJobEvent(event *corev1.Event) (string, words) {
	last := event.LastTimestamp.Time
	if event.Series != nil {
		last = event.Series.LastObservedTime.Time
	} else if last.IsZero() {
		last = event.EventTime.Time
	}
	return cmp.Or(event.ReportingController, event.Source.Component), words{event.Reason, event.Message, last}
}

func wordsOfPodEvent(event *eventsv1.Event) (string, words) {
	last := event.DeprecatedLastTimestamp.Time
	if event.Series != nil {
		last = event.Series.LastObservedTime.Time
	} else if last.IsZero() {
		last = event.EventTime.Time
	}
	return cmp.Or(event.ReportingController, event.DeprecatedSource.Component), words{event.Reason, event.Note, last}
}
