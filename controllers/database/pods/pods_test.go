package pods

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"example.com/cnat-operator/controllers/database/internal/testdb"
)

func TestExplained(t *testing.T) {
	event := func(kind, reason, message string, last time.Duration) corev1.Event {
		return corev1.Event{Type: kind, Reason: reason, Message: message, LastTimestamp: *testdb.Ago(last)}
	}
	failed := event("Warning", "FailedCreate", "exceeded quota\n", time.Minute)
	series := event("Warning", "FailedCreate", "again", time.Hour)
	series.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(testdb.Noon)}
	for _, test := range []struct {
		name   string
		events []corev1.Event
		want   string
	}{
		{"none", nil, ""},
		{"one", []corev1.Event{failed}, "exceeded quota"},
		{"one of long ago", []corev1.Event{event("Warning", "FailedCreate", "old", 2*time.Hour)}, ""},
		{"the newest", []corev1.Event{event("Warning", "FailedCreate", "older", 2*time.Minute), failed, event("Warning", "Other", "other", 0)}, "exceeded quota"},
		{"one that goes on", []corev1.Event{failed, series}, "again"},
		{"a success after it", []corev1.Event{failed, event("Normal", "SuccessfulCreate", "created", time.Second)}, ""},
	} {
		if got := explained(test.events, Question{Reasons: CreateReasons, Since: testdb.Ago(time.Hour).Time}); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestEssence(t *testing.T) {
	const log = "2026-11-25 10:00:00 UTC [1] LOG:  starting\n" +
		"2026-11-25 10:00:01 UTC [9] PANIC:  could not write to file \"pg_wal/xlogtemp.9\": No space left on device\n" +
		"2026-11-25 10:00:01 UTC [9] STATEMENT:  INSERT INTO secrets VALUES ('x')\n" +
		"2026-11-25 10:00:02 UTC [1] LOG:  shutting down\n"
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"the data are of PostgreSQL 15\n", "the data are of PostgreSQL 15"},
		{log, `PANIC: could not write to file "pg_wal/xlogtemp.9": No space left on device`},
		{"2026 LOG:  starting\n2026 LOG:  shut down\n", ""},
	} {
		if got := essence(test.text); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
	full := TerminationMessage(Backup, testdb.Terminated(1, "write failed: No space left on device").Terminated)
	if !strings.Contains(full, "raise spec.backup.storage.size") {
		t.Error(full)
	}
}
