package schedule

import (
	"fmt"
	"time"
)

// Note returns in plain words what a change of clocks has to do with a run; "" where it has nothing, or where there
// is no such run.
func (c *Calendar) Note(run Run) string {
	s := c.search()
	scheduled := run.Scheduled.Unix()
	p := periodAt(s.location, scheduled)
	wall, found := int64(0), false
	s.walk(p, scheduled-1, scheduled, func(w, _ int64) bool {
		wall, found = w, true
		return false
	})
	if !found {
		return ""
	}
	natural := wall - p.offset
	switch {
	case natural < p.start:
		return fmt.Sprintf("%s does not exist on this day: it runs at %s", clock(wall), clock(scheduled+p.offset))
	case natural < scheduled:
		return fmt.Sprintf("%s runs at %s, after the times that do not exist on this day",
			clock(wall), clock(scheduled+p.offset))
	case wall < p.start+p.before:
		return fmt.Sprintf("%s occurs twice: it runs both times, and this is the second", clock(wall))
	}
	next := p
	if p.end < forever {
		next = periodAt(s.location, p.end)
	}
	switch {
	case wall < p.end+next.offset:
		return ""
	case next.first(c.Cron.fixed) == p.end+p.offset:
		return fmt.Sprintf("%s occurs twice: it runs the first time", clock(wall))
	default:
		return fmt.Sprintf("%s occurs twice: it runs both times, and this is the first", clock(wall))
	}
}

// clock writes a time on the wall.
func clock(wall int64) string {
	t := time.Unix(wall, 0).UTC()
	if t.Second() != 0 {
		return t.Format("15:04:05")
	}
	return t.Format("15:04")
}
