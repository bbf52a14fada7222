package schedule

import (
	"math"
	"time"
)

const (
	forever = math.MaxInt64 / 4
	never   = -forever
	day     = 24 * 3600
)

// period is a time between two changes of clocks, in seconds of Unix: its offset, and that before it.
type period struct {
	start, end     int64 // end is the next period's start
	offset, before int64
}

func periodAt(location *time.Location, instant int64) period {
	t := time.Unix(instant, 0).In(location)
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	p := period{start: never, end: forever, offset: int64(offset), before: int64(offset)}
	if !start.IsZero() {
		p.start = start.Unix()
		_, before := time.Unix(p.start-1, 0).In(location).Zone()
		p.before = int64(before)
	}
	if !end.IsZero() {
		p.end = end.Unix()
	}
	return p
}

// first returns the first second on the wall that belongs to the period: with a fixed time the wall goes on from where it
// stood before the change. So what is in a gap belongs to the period after it, and what occurs twice to that before.
func (p period) first(fixed bool) int64 {
	if fixed && !p.corrected() {
		return p.start + p.before
	}
	return p.start + p.offset
}

// last returns the second on the wall at which the period ends.
func (p period) last() int64 {
	return p.end + p.offset
}

// corrected reports whether the period begins with a correction of the clock rather than with a change.
func (p period) corrected() bool {
	const limit = 3 * 3600
	forward := p.offset - p.before
	return forward >= limit || forward < -limit
}

// settled is how long after a period's start a run may still be moved by those before it: cron(8) catches up with less than
// 180 minutes, a second each, and with those that come meanwhile.
const settled = 300
