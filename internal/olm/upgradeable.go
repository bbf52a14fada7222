// Package olm reports to the Operator Lifecycle Manager when the operator must not be upgraded.
package olm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// limit is for how long an upgrade of the operator is held up at most. A release that takes longer is stuck, and a newer
// operator may be what mends it.
const limit = 10 * time.Minute

// Reasons of the condition Upgradeable.
const (
	// ReasonIdle: no release is being installed or upgraded.
	ReasonIdle = "NoReleaseUnderWay"
	// ReasonBusy: a release is being installed or upgraded.
	ReasonBusy = "ReleaseUnderWay"
	// ReasonOverdue: one still is, after the limit; an upgrade is not held up any more until all is idle again.
	ReasonOverdue = "ReleaseTakesTooLong"
)

// verdict is what the condition Upgradeable shall say, and after what time to check again.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
	recheck time.Duration
}

// judge decides from what the condition says now (nil: nothing yet) and the Databases that are worked on. What it must
// know of the past is in the condition itself, so that another leader goes on where this one ends.
func judge(now time.Time, current *metav1.Condition, busy []string) verdict {
	if len(busy) == 0 {
		return verdict{status: metav1.ConditionTrue, reason: ReasonIdle, message: "no release is being installed or upgraded"}
	}
	message := fmt.Sprintf("the release is being installed or upgraded of %d Databases, among them %s", len(busy), slices.Min(busy))
	left := limit
	switch {
	case current == nil || current.Reason == ReasonIdle:
	case current.Reason == ReasonOverdue:
		left = 0
	default:
		left = limit - now.Sub(current.LastTransitionTime.Time)
	}
	if left <= 0 {
		return verdict{status: metav1.ConditionTrue, reason: ReasonOverdue, message: fmt.Sprintf("after %s, %s", limit, message)}
	}
	return verdict{status: metav1.ConditionFalse, reason: ReasonBusy, message: message, recheck: left}
}

// worked are the names of the Databases whose release is being installed or upgraded, or is about to be.
func worked(databases []databasev1.Database) []string {
	var names []string
	for _, db := range databases {
		progressing := meta.IsStatusConditionTrue(db.Status.Conditions, databasev1.ConditionProgressing)
		if db.DeletionTimestamp.IsZero() && (progressing || db.Status.ObservedGeneration != db.Generation) {
			names = append(names, db.Namespace+"/"+db.Name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
