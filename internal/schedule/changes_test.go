package schedule

import (
	"slices"
	"strings"
	"testing"
)

// The table of docs/schedules.md.
func TestChangesOfClocks(t *testing.T) {
	const (
		gap      = "Europe/Berlin 2027-03-28T00:00:00+01:00 2027-03-28T06:00:00+02:00"
		fold     = "Europe/Berlin 2027-10-31T00:00:00+02:00 2027-10-31T05:00:00+01:00"
		midnight = "America/Havana 2027-03-13T12:00:00-05:00 2027-03-14T12:00:00-04:00"
		half     = "Australia/Lord_Howe 2027-10-03T00:00:00+10:30 2027-10-03T06:00:00+11:00"
		halfFold = "Australia/Lord_Howe 2027-04-04T00:00:00+11:00 2027-04-04T05:00:00+10:30"
		dateLine = "Pacific/Apia 2011-12-29T00:00:00-10:00 2011-12-31T23:59:00+14:00"
		casey    = "Antarctica/Casey 2010-03-04T21:00:00+11:00 2010-03-05T06:00:00+08:00"
	)
	for _, test := range []struct {
		expression, when string
		want             string // runs
		note             string // of the first run that has one
	}{
		{
			"30 2 * * *", gap, "03-28 03:00:00 +02",
			"02:30 does not exist on this day: it runs at 03:00",
		},
		{
			"0,30 2 * * *", gap, "03-28 03:00:00 +02, 03-28 03:00:01 +02",
			"02:00 does not exist on this day: it runs at 03:00",
		},
		{
			"0 2,3 * * *", gap, "03-28 03:00:00 +02, 03-28 03:00:01 +02",
			"02:00 does not exist on this day: it runs at 03:00",
		},
		{"59 1 * * *", gap, "03-28 01:59:00 +01", ""},
		{"0 3 * * *", gap, "03-28 03:00:00 +02", ""},
		{"30 */2 * * *", gap, "03-28 00:30:00 +01, 03-28 04:30:00 +02", ""},
		{
			"30 * * * *", gap,
			"03-28 00:30:00 +01, 03-28 01:30:00 +01, 03-28 03:30:00 +02, 03-28 04:30:00 +02, 03-28 05:30:00 +02", "",
		},
		{"*/30 2 * * *", gap, "", ""},
		{"30 2 * * *", fold, "10-31 02:30:00 +02", "02:30 occurs twice: it runs the first time"},
		{"0 3 * * *", fold, "10-31 03:00:00 +01", ""},
		{
			"30 1-3 * * *", fold, "10-31 01:30:00 +02, 10-31 02:30:00 +02, 10-31 03:30:00 +01",
			"02:30 occurs twice: it runs the first time",
		},
		{
			"30 * * * *", fold,
			"10-31 00:30:00 +02, 10-31 01:30:00 +02, 10-31 02:30:00 +02, " +
				"10-31 02:30:00 +01, 10-31 03:30:00 +01, 10-31 04:30:00 +01",
			"02:30 occurs twice: it runs both times, and this is the first",
		},
		{
			"*/30 2 * * *", fold, "10-31 02:00:00 +02, 10-31 02:30:00 +02, 10-31 02:00:00 +01, 10-31 02:30:00 +01",
			"02:00 occurs twice: it runs both times, and this is the first",
		},
		{
			"0 0 * * *", midnight, "03-14 01:00:00 -04",
			"00:00 does not exist on this day: it runs at 01:00",
		},
		{
			"15 2 * * *", half, "10-03 02:30:00 +11",
			"02:15 does not exist on this day: it runs at 02:30",
		},
		{"45 1 * * *", halfFold, "04-04 01:45:00 +11", "01:45 occurs twice: it runs the first time"},
		// Three hours or more are a correction, as in cron(8).
		{"0 9 * * *", dateLine, "12-29 09:00:00 -10, 12-31 09:00:00 +14", ""},
		{"0 0 * * *", casey, "03-05 00:00:00 +11", "00:00 occurs twice: it runs the first time"},
	} {
		words := strings.Fields(test.when)
		c := calendar(t, test.expression, words[0])
		from, until := at(t, words[1]), at(t, words[2])
		if found := strings.Join(runs(c, from, until), ", "); found != test.want {
			t.Errorf("%s in %s:\n got %s\nwant %s", test.expression, words[0], found, test.want)
		}
		var notes []string
		for after := from; ; {
			run, ok := c.Next(after)
			if !ok || run.Scheduled.After(until) {
				break
			}
			notes = append(notes, c.Note(run))
			after = run.Scheduled
		}
		notes = append(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "")
		if notes[0] != test.note {
			t.Errorf("%s in %s: note %q, not %q", test.expression, words[0], notes[0], test.note)
		}
	}
}
