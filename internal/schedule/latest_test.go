package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Latest and Count agree with Next, about changes of clocks too.
func TestLatestAndCountAgreeWithNext(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, zone := range []string{"", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"} {
		for _, expression := range []string{
			"*/20 * * * *", "0-59/15 0-23 * * *", "30 2 * * *", "0,30 0,1,2,3 * * *", "0 0 1 * *", "15 3 */2 * 1", "0 12 13 * 5",
		} {
			c := calendar(t, expression, zone)
			c.Exclude = []Date{{Month: 12, Day: 25}, {Year: 2011, Month: 3, Day: 27}}
			since := time.Date(2010, 12, 20, 0, 0, 0, 0, time.UTC)
			var all []time.Time
			for after := since; len(all) < 60_000; {
				run, ok := c.Next(after)
				if !ok || run.Scheduled.Year() > 2012 {
					break
				}
				all = append(all, run.Scheduled)
				after = run.Scheduled
			}
			for i, scheduled := range all {
				gap := time.Duration(1 + random.Int64N(60))
				until := scheduled.Add(gap * time.Second)
				if i+1 < len(all) && !all[i+1].After(until) {
					until = scheduled
				}
				if last, ok := c.Latest(since, until); !ok || !last.Scheduled.Equal(scheduled) {
					t.Fatalf("%s in %q: the latest up to %s is %s, not %s", expression, zone, until, last.Scheduled, scheduled)
				}
				if last, ok := c.Latest(scheduled, scheduled); ok {
					t.Fatalf("%s in %q: there is none after %s up to then, but %s", expression, zone, scheduled, last.Scheduled)
				}
			}
			if n := c.Count(since, all[len(all)-1], 1<<20); n != len(all) {
				t.Errorf("%s in %q: %d counted, not %d", expression, zone, n, len(all))
			}
			if n := c.Count(since, all[len(all)-1], 5); n != 5 {
				t.Errorf("%s in %q: %d counted, not 5", expression, zone, n)
			}
		}
	}
}

// What Latest costs does not grow with the gap, and a search that finds nothing ends.
func TestStepsAreBounded(t *testing.T) {
	until := at(t, "2076-11-26T00:00:30Z")
	for _, expression := range []string{"* * * * *", "0 0 29 2 *", "30 2 * * *"} {
		steps := map[int]int{}
		for _, years := range []int{5, 50} {
			c := calendar(t, expression, "Europe/Berlin")
			s := c.search()
			if _, found := s.backward(until.AddDate(-years, 0, 0).Unix(), until.Unix()); !found {
				t.Errorf("%s: none in %d years", expression, years)
			}
			steps[years] = s.steps
		}
		if steps[5] != steps[50] || steps[50] > 100 {
			t.Errorf("%s: days considered by years of the gap: %v", expression, steps)
		}
	}
	never := calendar(t, "0 0 25 12 *", "Europe/Berlin")
	never.Exclude = []Date{{Month: 12, Day: 25}}
	s := never.search()
	s.forward(until.Unix(), forever, func(_, _ int64) bool { return false })
	_, found := s.backward(0, until.Unix())
	if _, ok := never.Next(until); ok || found || s.steps > 10_000 {
		t.Errorf("an excluded day is found, or it takes %d steps", s.steps)
	}
	// 29 February on a Sunday: there are 40 years between two about 2100, which is no leap year.
	leap := calendar(t, "0 0 29 2 */7", "")
	for after := at(t, "2072-03-01T00:00:00Z"); after.Year() < 2400; {
		run, ok := leap.Next(after)
		if !ok || run.Scheduled.Weekday() != time.Sunday || run.Scheduled.Day() != 29 {
			t.Fatalf("after %s: %v, %v", after, run.Scheduled, ok)
		}
		after = run.Scheduled
	}
}

func TestBoundsAndDates(t *testing.T) {
	c := calendar(t, "0 0 * * *", "Europe/Berlin")
	first, last := at(t, "2027-12-24T00:00:00+01:00"), at(t, "2027-12-27T00:00:00+01:00")
	c.NotBefore, c.NotAfter = &first, &last
	c.Exclude = []Date{{Month: 12, Day: 25}, {Year: 2027, Month: 12, Day: 26}}
	got := runs(c, at(t, "2000-01-01T00:00:00Z"), at(t, "2099-01-01T00:00:00Z"))
	if len(got) != 2 || got[0] != "12-24 00:00:00 +01" || got[1] != "12-27 00:00:00 +01" {
		t.Error(got)
	}
	c.Spread = SpreadOf("uid", time.Hour)
	if run, _ := c.Next(time.Time{}); !run.Scheduled.Equal(first) || !run.At.Equal(first.Add(c.Spread)) {
		t.Error(run)
	}
	for _, wrong := range []string{
		"", "2027-02-29", "02-30", "13-01", "00-10", "1-1", "2027-1-1", "0000-01-01", "27-01-01",
		"2027-12-24T00:00:00Z", " 12-25", "12/25",
	} {
		if date, err := ParseDate(wrong); err == nil {
			t.Errorf("%q is read as %s", wrong, date)
		}
	}
	for _, right := range []string{"02-29", "2028-02-29", "12-25", "0001-01-01"} {
		if date, err := ParseDate(right); err != nil || date.String() != right {
			t.Errorf("%s: %s, %v", right, date, err)
		}
	}
	for _, wrong := range []string{
		"Local", "local", "localtime", "posix/UTC", "right/UTC", "posixrules", "Factory",
		"../etc/passwd", "/etc/localtime",
		"Europe/Berlln", "Europe//Berlin", "Europe", "UTC\x00", "tzdata.zi", "+01:00", "Europe/Berlin ",
	} {
		if zone, err := LoadLocation(wrong); err == nil {
			t.Errorf("%q is read as %s", wrong, zone)
		}
	}
	for uid := range 1000 {
		if spread := SpreadOf(string(rune(uid)), 10*time.Second); spread < 0 || spread >= 10*time.Second {
			t.Fatal(spread)
		}
	}
	if SpreadOf("a", 0) != 0 || SpreadOf("a", -time.Hour) != 0 || SpreadOf("a", time.Hour) == SpreadOf("b", time.Hour) {
		t.Error("the spread is not one")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("30 2 * * *", int64(1_800_000_000))
	f.Add("* * * * /5", int64(-1))
	f.Fuzz(func(t *testing.T, expression string, after int64) {
		cron, err := Parse(expression)
		if err != nil {
			return
		}
		c := &Calendar{Cron: cron}
		run, found := c.Next(time.Unix(after, 0))
		if found && after < farAway && after > -farAway && run.Scheduled.Unix() <= after {
			t.Fatalf("%q after %d: %s", expression, after, run.Scheduled)
		}
		c.Latest(time.Unix(after-1000, 0), time.Unix(after, 0))
	})
}

// Searches end, and periods follow one another, far beyond the years that zones have tables of.
func TestPeriodsFollowOneAnother(t *testing.T) {
	for _, zone := range database(t) {
		p := periodAt(zone, at(t, "2000-01-01T00:00:00Z").Unix())
		for p.end < at(t, "2120-01-01T00:00:00Z").Unix() {
			next := periodAt(zone, p.end)
			if next.start != p.end || next.before != p.offset || next.offset == p.offset || next.end <= next.start {
				t.Fatalf("%s: after %+v comes %+v", zone, p, next)
			}
			if last := periodAt(zone, p.end-1); last != p {
				t.Fatalf("%s: %+v ends as %+v", zone, p, last)
			}
			p = next
		}
	}
}
