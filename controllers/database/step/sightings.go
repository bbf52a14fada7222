package step

import "time"

// Sightings are when the process first saw what it waits for, by what that is. Clocks of others, and what they stamp,
// have no part in a wait.
type Sightings struct{ seen map[string]sighting }

type sighting struct {
	value string
	at    time.Time
}

// Since is for how long the process has seen the same value of something. An empty value is none.
func (s *Sightings) Since(what, value string, now time.Time) time.Duration {
	if value == "" {
		delete(s.seen, what)
		return 0
	}
	if seen, known := s.seen[what]; known && seen.value == value {
		return now.Sub(seen.at)
	}
	if s.seen == nil {
		s.seen = map[string]sighting{}
	}
	s.seen[what] = sighting{value, now}
	return 0
}
