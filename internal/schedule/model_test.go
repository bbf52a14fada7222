package schedule

import (
	"strconv"
	"strings"
	"time"
)

// The model of cron(8): what vixie cron does, minute by minute of real time. It shares nothing with what it judges:
// neither the reading of expressions, nor the search, nor the knowledge of when clocks change.

// moment is a call of cron's find_jobs: at a real minute, for a minute on the wall, for jobs of one or both sorts.
type moment struct {
	real, wall  int64 // minutes since 1970
	wild, fixed bool
	on          time.Time // wall
}

// cronMoments is cron's main loop from one real minute to another.
func cronMoments(location *time.Location, from, until int64) []moment {
	clock := func(real int64) int64 {
		_, offset := time.Unix(real*60, 0).In(location).Zone()
		return (real*60 + int64(offset)) / 60
	}
	var moments []moment
	virtual := clock(from - 1)
	for real := from; real <= until; real++ {
		running := clock(real)
		find := func(wall int64, wild, fixed bool) {
			moments = append(moments, moment{real, wall, wild, fixed, time.Unix(wall*60, 0).UTC()})
		}
		switch difference := running - virtual; {
		case difference > 180 || difference <= -180: // a correction
			virtual = running
			find(virtual, true, true)
		case difference > 5: // the clock went forward
			find(running, true, false)
			for virtual < running {
				virtual++
				find(virtual, false, true)
			}
		case difference > 0:
			for virtual < running {
				virtual++
				find(virtual, true, true)
			}
		default: // the clock went back; virtual time waits
			find(running, true, false)
		}
	}
	return moments
}

// cronJob is an expression, read as slowly as simply.
type cronJob struct {
	minute, hour, dom, month, dow []bool
	wild, domStar, dowStar        bool
}

func newCronJob(expression string) cronJob {
	words := strings.Fields(expression)
	star := func(i int) bool { return words[i][0] == '*' }
	dow := allowed(words[4], 0, 7)
	dow[0] = dow[0] || dow[7]
	return cronJob{
		minute: allowed(words[0], 0, 59), hour: allowed(words[1], 0, 23),
		dom: allowed(words[2], 1, 31), month: allowed(words[3], 1, 12), dow: dow,
		wild: star(0) || star(1), domStar: star(2), dowStar: star(4),
	}
}

// allowed says for each value of a field of numbers whether it is meant.
func allowed(field string, low, high int) []bool {
	values := make([]bool, high+1)
	for item := range strings.SplitSeq(field, ",") {
		span, step, _ := strings.Cut(item, "/")
		every, err := strconv.Atoi(step)
		if err != nil {
			every = 1
		}
		first, last, ranged := strings.Cut(span, "-")
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		if !ranged {
			to = from
		}
		if span == "*" {
			from, to = low, high
		}
		for value := low; value <= high; value++ {
			if value >= from && value <= to && (value-from)%every == 0 {
				values[value] = true
			}
		}
	}
	return values
}

func (j cronJob) runsAt(m moment) bool {
	if j.wild && !m.wild || !j.wild && !m.fixed {
		return false
	}
	dom, dow := j.dom[m.on.Day()], j.dow[m.on.Weekday()]
	onDay := dom && dow
	if !j.domStar && !j.dowStar {
		onDay = dom || dow
	}
	return j.minute[m.on.Minute()] && j.hour[m.on.Hour()] && j.month[m.on.Month()] && onDay
}

// instants returns when a job runs, in seconds, with the second between two jobs at one instant that is this
// package's own.
func (j cronJob) instants(moments []moment) []int64 {
	var found []int64
	for _, m := range moments {
		if !j.runsAt(m) {
			continue
		}
		at := m.real * 60
		if n := len(found); n > 0 {
			at = max(at, found[n-1]+1)
		}
		found = append(found, at)
	}
	return found
}
