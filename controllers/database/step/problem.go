// Package step has what the steps of a Database's reconciliation share: how they report, and what objects are called.
package step

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"example.com/cnat-operator/internal/text"
)

const (
	// MaxMessage is the longest message of a condition or an event that we write.
	MaxMessage = 1000

	// TransientGrace is for how long errors that say nothing of the request, such as those of an API server that is busy,
	// are retried before they are reported.
	TransientGrace = 30 * time.Second

	// StaleRetry is after what time a stale read is tried again: the newer object is on its way to the cache.
	StaleRetry = 100 * time.Millisecond

	// SecretRecheck is how often a Secret that the user names is read again while it is not right. It is not watched: that
	// would take a cache of all Secrets.
	SecretRecheck = 10 * time.Second
	// SecretPoll is how often it is read again while it is right.
	SecretPoll = 30 * time.Second
)

// Problem is something that requires user action. It becomes the condition Stalled.
type Problem struct {
	Reason  string
	Message string
	// Serving: the server does not suffer from it.
	Serving bool
}

// NewProblem is a problem that the server suffers from.
func NewProblem(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: Shortened(fmt.Sprintf(format, args...), MaxMessage)}
}

// Condition is a condition whose message fits into a status.
func Condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: Shortened(message, MaxMessage)}
}

// IsStaleRead reports whether the cache was behind.
func IsStaleRead(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }

// Sooner returns the shorter of two waits, where zero is none.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Shortened is what others said, fit to be stored: one control character in a status makes kubectl fail for a whole
// list. It is cut at n bytes, without leaving half a character.
func Shortened(words string, n int) string {
	words = text.Printable(words)
	if len(words) <= n {
		return words
	}
	cut := n - len("...")
	for cut > 0 && words[cut]&0xC0 == 0x80 {
		cut--
	}
	return words[:cut] + "..."
}
