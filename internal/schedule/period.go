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

// periodAt returns the period that an instant is in. ZoneBounds alone is not enough. After the last change of a
// zone's table it goes by a rule, by which periods end with the years, the last day of a leap year has an end that
// is not after it, and the first period may begin before the table ends.
func periodAt(location *time.Location, instant int64) period {
	start, end, offset := bounds(location, instant)
	p := period{start: start, end: end, offset: offset, before: offset}
	for p.start > never {
		start, _, before := bounds(location, p.start-1)
		if before != offset {
			p.before = before
			break
		}
		p.start = start
	}
	for p.end < forever && p.end < instant+horizon {
		_, end, after := bounds(location, p.end)
		if after != offset {
			break
		}
		p.end = end
	}
	return p
}

// bounds returns an instant's offset, from when at least it has been that, and until when at least it will be.
func bounds(location *time.Location, instant int64) (start, end, offset int64) {
	start, end, offset = zoneBounds(location, instant)
	if start > never && start < instant {
		if _, tableEnd, then := zoneBounds(location, start); then != offset {
			start = min(tableEnd, instant)
		}
	}
	if end <= instant {
		end = (floorDiv(instant, day) + 1) * day
	}
	return start, end, offset
}

func zoneBounds(location *time.Location, instant int64) (start, end, offset int64) {
	t := time.Unix(instant, 0).In(location)
	_, seconds := t.Zone()
	start, end = never, forever
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		start = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	return start, end, int64(seconds)
}

// first returns the first second on the wall that belongs to the period: with a fixed time the wall goes on from
// where it stood before the change. So what is in a gap belongs to the period after it, and what occurs twice to
// that before.
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

// settled is how long after a period's start a run may still be moved by those before it: cron(8) catches up with
// less than 180 minutes, a second each, and with those that come meanwhile.
const settled = 300
