package database

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"example.com/cnat-operator/internal/helm"
	"example.com/cnat-operator/internal/text"
)

// problem is something that requires user action. It becomes the condition Stalled.
type problem struct {
	reason  string
	message string
	// serving: the server does not suffer from it.
	serving bool
}

func newProblem(reason, format string, args ...any) *problem {
	return &problem{reason: reason, message: shortened(fmt.Sprintf(format, args...), maxMessage)}
}

// maxMessage is the longest message of a condition or an event that we write.
const maxMessage = 1000

// transientGrace is for how long errors that say nothing of the request, such as those of an API server that is busy,
// are retried before they are reported.
const transientGrace = 30 * time.Second

// isRefusal reports whether the API server said no, as for a quota, a policy or a webhook: that lasts, other than a stale
// read or an API server that is away.
func isRefusal(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && !helm.IsTransient(err) && !isStaleRead(err)
}

// isStaleRead reports whether the cache was behind.
func isStaleRead(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }

// event is an event to be sent once the status that it is about is written.
type event struct {
	kind   string
	reason string
	action string
	note   string
}

func normal(reason, action, note string) event {
	return event{kind: corev1.EventTypeNormal, reason: reason, action: action, note: note}
}

func warning(reason, action, note string) event {
	return event{kind: corev1.EventTypeWarning, reason: reason, action: action, note: note}
}

// sooner returns the shorter of two waits, where zero is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// shortened is what others said, fit to be stored: one control character in a status makes kubectl fail for a whole
// list. It is cut at n bytes, without leaving half a character.
func shortened(words string, n int) string {
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
