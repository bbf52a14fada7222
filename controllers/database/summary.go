package database

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// summary is the condition to look at first: what requires user action, then what is waited for, then how it is. A
// Database that is ready and Stalled does not look healthy.
func summary(ready, progressing, stalled metav1.Condition) (reason, message string) {
	for _, found := range []metav1.Condition{stalled, progressing} {
		if found.Status == metav1.ConditionTrue {
			return found.Reason, found.Message
		}
	}
	return ready.Reason, ready.Message
}
