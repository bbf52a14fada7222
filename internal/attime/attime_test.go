package attime

import (
	"strings"
	"testing"
	"time"
)

// in is a time of a zone.
func in(t *testing.T, zone, at string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	instant, err := time.ParseInLocation(time.DateTime, at, location)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

func TestParse(t *testing.T) {
	for text, expected := range map[string]string{
		"now":                       "2027-07-03T12:34:56+02:00",
		"now + 20 minutes":          "2027-07-03T12:54:00+02:00",
		"16:00":                     "2027-07-03T16:00:00+02:00",
		"10:00":                     "2027-07-04T10:00:00+02:00",
		"4pm tomorrow":              "2027-07-04T16:00:00+02:00",
		"noon friday":               "2027-07-09T12:00:00+02:00",
		"saturday":                  "2027-07-10T12:34:00+02:00",
		"10:00 Jul 3 2028":          "2028-07-03T10:00:00+02:00",
		"10:00 jan 1":               "2028-01-01T10:00:00+01:00",
		"teatime + 3 days":          "2027-07-06T16:00:00+02:00",
		"18:00 UTC":                 "2027-07-03T18:00:00Z",
		"2027-07-03T18:00:00.5Z":    "2027-07-03T18:00:00.5Z",
		"2027-07-03T23:00:00+09:00": "2027-07-03T23:00:00+09:00",
		// Where clocks change.
		"2:30 2028-03-26":         "2028-03-26T03:30:00+02:00",
		"2:30 2027-10-31":         "2027-10-31T02:30:00+02:00",
		"1:30 2028-03-26 + 1 day": "2028-03-27T01:30:00+02:00",
		"1:30 26.3.28 + 1 hour":   "2028-03-26T03:30:00+02:00",
		"1:45 31.10.27 + 2 hours": "2027-10-31T02:45:00+01:00",
	} {
		at, err := Parse(text, in(t, "Europe/Berlin", "2027-07-03 12:34:56"))
		if err != nil || at.Format(time.RFC3339Nano) != expected {
			t.Errorf("%q: %s, %v; not %s", text, at.Format(time.RFC3339Nano), err, expected)
		}
	}
}

// In the second of two hours that look the same, now is the second.
func TestParseInAnHourThatOccursTwice(t *testing.T) {
	now := in(t, "Europe/Berlin", "2027-10-31 01:45:00").Add(2 * time.Hour)
	for text, expected := range map[string]string{
		"now": "2027-10-31T02:45:00+01:00", "now + 5 minutes": "2027-10-31T02:50:00+01:00", "2:45": "2027-11-01T02:45:00+01:00",
	} {
		if at, err := Parse(text, now); err != nil || at.Format(time.RFC3339) != expected {
			t.Errorf("%q: %s, %v; not %s", text, at, err, expected)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, expected := range map[string]string{
		"":                          `"" is not a time: a time or a date is missing. Examples: now + 20 minutes`,
		"10:00 tomorow":             `"tomorow" after "10:00" is not a time or a date`,
		"tomorrow 10:00":            `"10:00" after "tomorrow" is not what may follow: a date comes after a time`,
		"25:00":                     `"25:00" is not a time of the day`,
		"13:00pm":                   `"pm" after "13:00" is not what may follow an hour of more than 12`,
		"16":                        `am, pm or a month is missing after "16"`,
		"10:00 feb 32":              `"32" after "10:00 feb" is not a day of the month`,
		"10:00 29.2.2027":           `"29.2.2027" after "10:00" is not a date of the calendar`,
		"now + 5":                   `minutes, hours, days, weeks, months or years is missing after "now + 5"`,
		"now + 123456789 days":      `"123456789" after "now +" is not a number of at most 8 digits`,
		"12:00 today":               `"12:00 today" is Sat 2027-07-03 12:00:00 CEST, which is in the past: it is now Sat 2027-07-03 12:34:56 CEST. Examples: `,
		"2027-07-03T12:00:00+02:00": `"2027-07-03T12:00:00+02:00" is Sat 2027-07-03 12:00:00 CEST`,
		"2027-07-03T12:00":          `"T" after "2027-07-03" is not what may follow`,
		"now + 11 years":            `"now + 11 years" is Sat 2038-07-03 12:34:00 CEST, which is more than 10 years ahead`,
		"10:00\x00":                 `is not a time or a date`,
		"10:00 \xff":                `is not a time or a date`,
		strings.Repeat("1", 999):    `is not a time or a date`,
	} {
		at, err := Parse(text, in(t, "Europe/Berlin", "2027-07-03 12:34:56"))
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%q: %s, %v; not %q", text, at, err, expected)
		}
	}
}

func TestTouch(t *testing.T) {
	now := in(t, "Europe/Berlin", "2027-07-03 12:34:56")
	for text, expected := range map[string]string{
		"07031300": "2027-07-03T13:00:00+02:00", "07031300.30": "2027-07-03T13:00:30+02:00", "2807031300": "2028-07-03T13:00:00+02:00",
		"202802291300": "2028-02-29T13:00:00+01:00", "07031200": "", "02291300": "", "0703130": "", "07031300.3": "", "202702291300": "",
		"207707031300": "", "07031300.": "", "+7031300": "",
	} {
		at, err := Touch(text, now)
		if expected == "" && err == nil || expected != "" && (err != nil || at.Format(time.RFC3339) != expected) {
			t.Errorf("%q: %s, %v; not %q", text, at, err, expected)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10:00 tomorrow + 2 weeks")
	f.Add("7/3/27")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2027, 7, 3, 12, 34, 56, 0, time.UTC)
		if at, err := Parse(text, now); err == nil && (at.Before(now) || at.After(now.AddDate(Furthest, 0, 0))) {
			t.Errorf("%q is %s", text, at)
		}
	})
}
