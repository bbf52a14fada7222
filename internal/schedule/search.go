package schedule

import (
	"math/bits"
	"time"
)

// search finds an expression's minutes on the wall, and the instants of them. Walls' times are seconds since 1970 as
// if they were UTC's.
type search struct {
	cron     *Cron
	location *time.Location
	// Dates on which nothing runs: bits of days by month, and those of one year.
	yearly [13]uint64
	once   map[Date]bool
	// steps counts days that were considered, for tests.
	steps int
}

func (c *Calendar) search() *search {
	s := &search{cron: c.Cron, location: c.location()}
	for _, date := range c.Exclude {
		if date.Year == 0 {
			s.yearly[date.Month] |= 1 << date.Day
			continue
		}
		if s.once == nil {
			s.once = map[Date]bool{}
		}
		s.once[date] = true
	}
	return s
}

// forward yields the runs after an instant, up to another, in order: their minutes on the wall and their instants.
func (s *search) forward(after, until int64, yield func(wall, at int64) bool) {
	until = min(until, after+horizon)
	for p := periodAt(s.location, after); ; p = periodAt(s.location, p.end) {
		if !s.walk(p, after, until, yield) || p.end > until {
			return
		}
	}
}

// walk yields the runs of one period, and reports whether to go on.
func (s *search) walk(p period, after, until int64, yield func(wall, at int64) bool) bool {
	from := p.first(s.cron.fixed)
	if after >= p.start+settled {
		from = max(from, after+1+p.offset)
	}
	last := int64(never)
	// A wall's minute that is in a gap is ahead of the instant, so the end is that of the wall at until or at the start.
	end := min(p.last(), max(until, p.start)+p.offset+1)
	for {
		wall, found := s.next(from, end)
		if !found {
			return true
		}
		at := max(wall-p.offset, p.start, last+1)
		from, last = wall+60, at
		if at > until {
			return false
		}
		if at > after && !yield(wall, at) {
			return false
		}
	}
}

// backward returns the instant of the last run that is after since, but not after until.
func (s *search) backward(since, until int64) (int64, bool) {
	since = max(since, until-horizon)
	for until > since {
		p := periodAt(s.location, until)
		if at, found := s.latest(p, since, until); found {
			return at, at > since
		}
		until = p.start - 1
	}
	return 0, false
}

// latest returns the last run of a period that is not after until. What is not after since need not be found.
func (s *search) latest(p period, since, until int64) (at int64, found bool) {
	if from := max(p.first(s.cron.fixed), max(since, p.start+settled)+p.offset); until+p.offset >= from {
		if wall, found := s.previous(until+p.offset, from); found {
			return wall - p.offset, true
		}
	}
	if p.start > never {
		s.walk(p, p.start-1, min(until, p.start+settled), func(_, instant int64) bool {
			at, found = instant, true
			return true
		})
	}
	return at, found
}

// next returns the first minute on the wall from one second on, before another.
func (s *search) next(from, end int64) (int64, bool) {
	minute := floorDiv(from+59, 60)
	for date := floorDiv(minute, 24*60); date*day < end; date++ {
		matches, _, last := s.matches(date)
		if !matches {
			date = last
			continue
		}
		if found, ok := s.cron.timeFrom(int(max(minute-date*24*60, 0))); ok {
			wall := date*day + int64(found)*60
			return wall, wall < end
		}
	}
	return 0, false
}

// previous returns the last minute on the wall up to one second, not before another.
func (s *search) previous(to, start int64) (int64, bool) {
	minute := floorDiv(to, 60)
	for date := floorDiv(minute, 24*60); (date+1)*day > start; date-- {
		matches, first, _ := s.matches(date)
		if !matches {
			date = first
			continue
		}
		if found, ok := s.cron.timeUpTo(int(min(minute-date*24*60, 24*60-1))); ok {
			wall := date*day + int64(found)*60
			return wall, wall >= start
		}
	}
	return 0, false
}

// matches reports whether a day, counted from 1970, is one of the expression's, and not excluded. That is so for all
// days from first to last: a whole month, where that is none of the expression's.
func (s *search) matches(date int64) (matches bool, first, last int64) {
	s.steps++
	year, month, dom := time.Unix(date*day, 0).UTC().Date()
	if s.cron.months&(1<<month) == 0 {
		first = date - int64(dom-1)
		return false, first, first + int64(daysIn(year, month)-1)
	}
	weekday := time.Weekday(((date+4)%7 + 7) % 7) // 1970 began on a Thursday
	if !s.cron.day(dom, weekday) || s.yearly[month]&(1<<dom) != 0 {
		return false, date, date
	}
	return s.once == nil || !s.once[Date{Year: year, Month: month, Day: dom}], date, date
}

// day reports whether a day is one of the expression's: by day of month and of week where either begins with "*",
// else by any.
func (c *Cron) day(dom int, dow time.Weekday) bool {
	byMonth, byWeek := c.doms&(1<<dom) != 0, c.dows&(1<<dow) != 0
	if c.anyDay {
		return byMonth || byWeek
	}
	return byMonth && byWeek
}

// timeFrom returns the first minute of a day that matches, from a minute on.
func (c *Cron) timeFrom(minute int) (int, bool) {
	for hour := minute / 60; hour < 24; hour++ {
		if c.hours&(1<<hour) == 0 {
			continue
		}
		if rest := c.minutes >> max(minute-hour*60, 0); rest != 0 {
			return hour*60 + max(minute-hour*60, 0) + bits.TrailingZeros64(rest), true
		}
	}
	return 0, false
}

// timeUpTo returns the last minute of a day that matches, up to a minute.
func (c *Cron) timeUpTo(minute int) (int, bool) {
	for hour := minute / 60; hour >= 0; hour-- {
		if c.hours&(1<<hour) == 0 {
			continue
		}
		if rest := c.minutes << (63 - min(minute-hour*60, 59)); rest != 0 {
			return hour*60 + min(minute-hour*60, 59) - bits.LeadingZeros64(rest), true
		}
	}
	return 0, false
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}
