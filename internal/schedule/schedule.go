// Package schedule computes when a CronTab runs: cron expressions, time zones, changes of clocks, exclusions. It is pure.
//
// # Changes of clocks
//
// The rule is vixie cron's, as in cron(8). A job is of one of two sorts:
//
//   - Where the minute or the hour begins with "*" ("*", "*/n", and "?" and "/n", which are read as these), it runs
//     whenever the clock on the wall matches: in both hours of two that are the same, and never in an hour that does
//     not exist.
//   - Any other job has a fixed time. A time that the clocks skip runs at the first instant after the gap; one that
//     occurs twice runs the first time only. Where several times are due at the end of one gap ("0,30 2 * * *", or
//     "0 2,3 * * *" where 02:00 becomes 03:00), each of them runs once, in order, a second apart: 03:00:00,
//     03:00:01, … So no two runs have one instant, which names what is created for them, and only there an instant
//     has seconds.
//
// Clocks that go forward by three hours or more, or back by more than three, are corrected, not changed, as in
// cron(8): the new time counts at once, for both sorts. The only ones since 2000 are zones that changed sides of the
// date line or stations in the Antarctic.
//
// # How
//
// Between two changes the clock on the wall is the instant plus an offset. There an expression is run on the wall's
// numbers as if they were UTC's, where no gap and no fold exists: see period and search.
package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Calendar is when a CronTab runs.
type Calendar struct {
	// Cron is the expression. It must be there.
	Cron *Cron
	// Location is the time zone; nil is UTC.
	Location *time.Location
	// NotBefore and NotAfter bound the scheduled instants; both belong to what they bound.
	NotBefore, NotAfter *time.Time
	// Exclude are dates, in the time zone, on which nothing runs. A time that the clocks skip belongs to the date that it
	// has by the expression.
	Exclude []Date
	// Spread is added to every instant: see SpreadOf.
	Spread time.Duration
}

// Run is one instant at which a CronTab runs, in the calendar's time zone.
type Run struct {
	// Scheduled is the instant by the expression: whole seconds, and no two runs of a calendar have the same.
	Scheduled time.Time
	// At is Scheduled and the calendar's spread: when it runs.
	At time.Time
}

// horizon is how far a search goes: 29 February may be 40 years away on a given day of the week.
const horizon = 41 * 366 * 24 * 3600

// farAway is an instant so far away that nothing is asked of it, but that it does no harm.
const farAway = 1 << 50

// Next returns the first run that is scheduled after an instant. It reports false where none is within 41 years.
func (c *Calendar) Next(after time.Time) (Run, bool) {
	from, until := c.bounds(after.Unix())
	s := c.search()
	var next Run
	found := false
	s.forward(from, until, func(_, at int64) bool {
		next, found = c.run(at), true
		return false
	})
	return next, found
}

// Latest returns the last run that is scheduled after since, but not after until. What it costs does not grow with
// the time between: it searches backwards.
func (c *Calendar) Latest(since, until time.Time) (Run, bool) {
	from, to := c.bounds(since.Unix())
	s := c.search()
	at, found := s.backward(from, min(to, until.Unix()))
	if !found {
		return Run{}, false
	}
	return c.run(at), true
}

// Count returns how many runs are scheduled after since, but not after until; at most limit.
func (c *Calendar) Count(since, until time.Time, limit int) int {
	from, to := c.bounds(since.Unix())
	to = min(to, until.Unix())
	s := c.search()
	count := 0
	for count < limit && from < to {
		before := count
		s.forward(from, to, func(_, at int64) bool {
			count++
			from = at
			return count < limit
		})
		if count == before {
			break
		}
	}
	return count
}

// SpreadOf returns a stable offset of whole seconds, at least 0 and less than within, that differs from one UID to
// another.
func SpreadOf(uid string, within time.Duration) time.Duration {
	seconds := within / time.Second
	if seconds < 1 {
		return 0
	}
	sum := sha256.Sum256([]byte(uid))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%uint64(seconds)) * time.Second
}

// bounds returns what NotBefore and NotAfter leave after an instant: from is excluded, until included.
func (c *Calendar) bounds(after int64) (from, until int64) {
	from, until = min(max(after, -farAway), farAway), forever
	if c.NotBefore != nil {
		from = max(from, c.NotBefore.Add(-1).Unix())
	}
	if c.NotAfter != nil {
		until = c.NotAfter.Unix()
	}
	return from, until
}

func (c *Calendar) run(at int64) Run {
	scheduled := time.Unix(at, 0).In(c.location())
	return Run{Scheduled: scheduled, At: scheduled.Add(c.Spread)}
}

func (c *Calendar) location() *time.Location {
	if c.Location == nil {
		return time.UTC
	}
	return c.Location
}
