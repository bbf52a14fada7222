package schedule

import (
	"testing"
	"time"
)

// calendar returns that of an expression in a zone.
func calendar(t testing.TB, expression, zone string) *Calendar {
	t.Helper()
	cron, err := Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	location, err := LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return &Calendar{Cron: cron, Location: location}
}

// at reads an instant.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

// runs writes the runs after an instant, as far as another.
func runs(c *Calendar, after, until time.Time) []string {
	var found []string
	for {
		run, ok := c.Next(after)
		if !ok || run.Scheduled.After(until) {
			return found
		}
		found = append(found, run.Scheduled.Format("01-02 15:04:05 -07"))
		after = run.Scheduled
	}
}
