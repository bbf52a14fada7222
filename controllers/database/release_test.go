package database

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// While a release that failed, or a repair of it, waits for the next attempt, the condition says of it what is known, and nothing else.
func TestMessageWhileAFailureWaits(t *testing.T) {
	for _, test := range []struct {
		name string
		// said is the condition Stalled of the pass before, by its reason; empty: there was none.
		said   string
		stored *helm.Release
		want   string
	}{
		{"the API server's words", v1.ReasonReleaseFailed, &helm.Release{Status: statusFailed, Description: "Helm's"}, "as before"},
		{"another problem, mended since", v1.ReasonSecretMissing, &helm.Release{Status: statusFailed, Description: "Helm's"}, "Helm's"},
		{"nothing was said", "", &helm.Release{Status: statusFailed, Description: "Helm's"}, "Helm's"},
		{"nothing is known", "", nil, "release x-database failed, and is tried again in 5s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "x").build()
			if test.said != "" {
				meta.SetStatusCondition(&db.Status.Conditions, metav1.Condition{
					Type: v1.ConditionStalled, Status: metav1.ConditionTrue, Reason: test.said, Message: "as before",
				})
			}
			for _, state := range []state{stateFailed, stateDrifted} {
				in := situation{state: state, stored: test.stored, digest: "new", known: v1.ReleaseStatus{
					Name: "x-database", Failures: 1, AttemptedDigest: "new",
				}}
				got := waitResult(action{kind: actionWait, wait: 5 * time.Second}, in, lastMessage(db))
				if got.problem == nil || got.problem.message != test.want || got.current {
					t.Errorf("%s: got %+v", state, got.problem)
				}
			}
		})
	}
}
