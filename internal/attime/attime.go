// Package attime reads times as people give them to at(1): "10:00 tomorrow", "now + 2 hours", "4pm friday",
// "2027-07-03T04:00:00+02:00", "202707030400". It is pure: the present is an argument.
//
// The grammar, and what its forms mean, are those of Debian's at 3.2.5, as its parsetime.l and parsetime.y have them;
// a test compares the two over thousands of forms. They differ in three things, all where clocks change:
//
//   - Minutes and hours that are added are time that passes. at counts them on the clock on the wall, so that "now + 30
//     minutes" is 90 minutes later when an hour occurs twice.
//   - A time that the clocks skip is later by what they skip: 02:30 becomes 03:30. at depends on what the C library
//     makes of it.
//   - A time that occurs twice is the first of the two.
package attime

import (
	"fmt"
	"strings"
	"time"
)

// Furthest is how many years ahead a time may be: more is taken for a mistake.
const Furthest = 10

// Examples are times of each form, for help and errors.
const Examples = `now + 20 minutes, 16:00, 4pm tomorrow, noon friday, 10:00 Jul 3 2027, 10:00 2027-07-03, midnight + 2 weeks, ` +
	`2027-07-03T04:00:00+02:00`

// Parse reads a time as at(1) does, or one of RFC 3339. Times are in the zone of now, and without a date the next such
// time; "now" is now. Its errors say what was understood.
func Parse(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return bounded(text, at, now)
	}
	tokens := lex(text)
	p := &parser{tokens: tokens, base: now.Truncate(time.Second).Add(-time.Duration(now.Second()) * time.Second)}
	p.set(p.base)
	at, err := p.parse()
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time: %w. Examples: %s", text, err, Examples)
	}
	if at.Equal(p.base) {
		return now, nil
	}
	return bounded(text, at, now)
}

// Touch reads a time as touch(1) and at -t do: [[CC]YY]MMDDhhmm[.ss], in the zone of now. Years of two digits are
// 1969 to 2068.
func Touch(text string, now time.Time) (time.Time, error) {
	whole, seconds, hasSeconds := strings.Cut(text, ".")
	dated := whole
	if len(whole) == 8 {
		dated = now.Format("2006") + whole
	}
	form := map[int]string{10: "0601021504", 12: "200601021504"}[len(dated)]
	if hasSeconds {
		form, dated = form+".05", dated+"."+seconds
	}
	at, err := time.ParseInLocation(form, dated, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time of the form [[CC]YY]MMDDhhmm[.ss], like 202707030400 or 07030400.30", text)
	}
	return bounded(text, at, now)
}

// bounded refuses what is in the past, and what is too far away.
func bounded(text string, at, now time.Time) (time.Time, error) {
	read := fmt.Sprintf("%q is %s", text, at.In(now.Location()).Format("Mon 2006-01-02 15:04:05 MST"))
	switch {
	case at.Before(now):
		return time.Time{}, fmt.Errorf("%s, which is in the past: it is now %s. Examples: %s",
			read, now.Format("Mon 2006-01-02 15:04:05 MST"), Examples)
	case at.After(now.AddDate(Furthest, 0, 0)):
		return time.Time{}, fmt.Errorf("%s, which is more than %d years ahead. Examples: %s", read, Furthest, Examples)
	}
	return at, nil
}
