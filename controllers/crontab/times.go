package crontab

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"
	"time"

	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

const (
	// grace is how late a run may start where neither catchUp nor startingDeadlineSeconds says otherwise: more than a
	// failover takes, and so little that nobody calls the run made up for.
	grace = time.Minute
	// maxCaughtUp bounds how many runs catchUp All makes up for.
	maxCaughtUp = 100
	// maxCounted bounds how many missed runs are counted at once.
	maxCounted = 10_000
)

// times are the times of a CronTab, and how late a run may be.
type times struct {
	calendar *schedule.Calendar
	catchUp  v1.CatchUpPolicy
	deadline time.Duration // startingDeadlineSeconds; zero: there is none
}

// timesOf reads a CronTab's schedule. The error names the field.
func timesOf(tab *v1.CronTab) (*times, error) {
	calendar, err := schedule.Of(tab)
	if err != nil {
		return nil, err
	}
	deadline := time.Duration(tab.Spec.StartingDeadlineSeconds) * time.Second
	return &times{calendar, catchUpOf(&tab.Spec), deadline}, nil
}

func catchUpOf(spec *v1.CronTabSpec) v1.CatchUpPolicy {
	switch {
	case spec.CatchUp != "":
		return spec.CatchUp
	case spec.StartingDeadlineSeconds > 0:
		return v1.CatchUpLatest
	default:
		return v1.CatchUpNone
	}
}

// next returns the run to start first of those after settled, and how many before it are missed.
func (t *times) next(settled, now time.Time) (run schedule.Run, missed int, found bool) {
	run, found = t.calendar.Next(settled)
	if !found || run.At.After(now) {
		return run, 0, found
	}
	until := now.Add(-t.calendar.Spread) // the last time that is due
	from := t.firstDue(settled, until)
	run, found = t.calendar.Next(from)
	if before := from; before.After(settled) {
		missed = t.calendar.Count(settled, before, maxCounted)
	}
	return run, missed, found
}

// firstDue returns the time after which the first run comes that is not too late.
func (t *times) firstDue(settled, until time.Time) time.Time {
	switch t.catchUp {
	case v1.CatchUpAll:
		from := later(settled, t.open(until))
		if t.calendar.Count(from, until, maxCaughtUp+1) <= maxCaughtUp {
			return from
		}
		last := until
		for range maxCaughtUp {
			run, _ := t.calendar.Latest(from, last)
			last = run.Scheduled.Add(-time.Second)
		}
		return last
	case v1.CatchUpLatest:
		if last, found := t.calendar.Latest(later(settled, t.open(until)), until); found {
			return last.Scheduled.Add(-time.Second)
		}
		return later(settled, until)
	default:
		return later(settled, until.Add(-t.limit()-time.Nanosecond))
	}
}

// open is the last time that is too late, by startingDeadlineSeconds.
func (t *times) open(until time.Time) time.Time {
	if t.deadline == 0 {
		return time.Time{}
	}
	return until.Add(-t.deadline - time.Nanosecond)
}

// limit is how late a run may start by the policy alone; zero: there is no limit.
func (t *times) limit() time.Duration {
	if t.catchUp == v1.CatchUpNone && (t.deadline == 0 || t.deadline > grace) {
		return grace
	}
	return t.deadline
}

// limitOf is how late a run may start, in whole seconds; zero: there is no limit. With catchUp Latest the next one
// takes its place. One that waited for another to end has a minute from then on.
func (t *times) limitOf(run schedule.Run, waited time.Duration) int64 {
	limit := t.limit()
	if waited > 0 && t.deadline == 0 && limit > 0 {
		limit = waited + grace
	}
	if t.catchUp == v1.CatchUpLatest && waited == 0 {
		if next, found := t.calendar.Next(run.Scheduled); found {
			if gap := next.At.Sub(run.At); limit == 0 || gap < limit {
				limit = gap
			}
		}
	}
	return int64((limit + time.Second - 1) / time.Second)
}

// scheduleDigest identifies all that decides a CronTab's times.
func scheduleDigest(spec *v1.CronTabSpec) string {
	return digest(spec.CronSpec, spec.TimeZone, spec.NotBefore, spec.NotAfter, spec.ExcludeDates)
}

// digest is a short name of values: 50 bits of a hash, in letters and digits.
func digest(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		panic(err) // the values are the API's own types, which are made to be encoded
	}
	sum := sha256.Sum256(data)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
