package schedule

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	wrong := map[string][]string{ // by a part of the message
		"minute": {
			"60 * * * *", "-1 * * * *", "+1 * * * *", "1.5 * * * *", "a * * * *", "1- * * * *", "1--2 * * * *", "5-1 * * * *",
			"1,,2 * * * *", ",1 * * * *", "1, * * * *", "*/ * * * *", "*/0 * * * *", "*/-1 * * * *", "*/a * * * *",
			"*/60 * * * *",
			"*/61 * * * *", "1/2/3 * * * *", "1-2-3 * * * *", "** * * * *", "*5 * * * *", "*-5 * * * *", "/ * * * *",
			"jan * * * *", "0x10 * * * *", "99999999999999999999 * * * *", "H * * * *", "1;2 * * * *", "١ * * * *", "~ * * * *",
		},
		"hour": {
			"0 24 * * *", "0 -1 * * *", "0 2pm * * *", "0 17-9 * * *", "0 */24 * * *", "0 02:30 * * *",
			"0 mon * * *", "0 0-24 * * *",
		},
		"day of month": {
			"0 0 0 * *", "0 0 32 * *", "0 0 L * *", "0 0 15W * *", "0 0 LW * *", "0 0 */32 * *", "0 0 31-1 * *", "0 0 1st * *",
			"0 0 30 2 *", "0 0 31 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30,31 feb *", "0 0 31 2 */2",
		},
		"month": {
			"0 0 * 0 *", "0 0 * 13 *", "0 0 * january *", "0 0 * mar-jan *", "0 0 * mon *", "0 0 * */13 *", "0 0 * jan- *",
		},
		"day of week": {
			"0 0 * * 8", "0 0 * * monday", "0 0 * * 5#3", "0 0 * * 5L", "0 0 * * L", "0 0 * * jan",
			"0 0 * * fri-mon", "0 0 * * 6-0",
			"0 0 * * -", "0 0 * * */8",
		},
		"fields": {
			"*", "* * * *", "0 * * * * *", "0 0 * * * * 2027", "* * * * *\n0 0 * * *",
		},
		"empty":     {"", " ", "\n", "\t"},
		"macro":     {"@", "@every 5m", "@reboot", "@Daily", "@fortnightly", "@daily 5", "@hourly * * * *"},
		"time zone": {"TZ=Europe/Berlin", "CRON_TZ=UTC 0 0 * * *", "TZ= * * * * *"},
	}
	for part, expressions := range wrong {
		for _, expression := range expressions {
			_, err := Parse(expression)
			if err == nil {
				t.Errorf("%q is accepted", expression)
			} else if !strings.Contains(err.Error(), part) || len(err.Error()) > 300 {
				t.Errorf("%q: not of %s: %v", expression, part, err)
			} else if part != "time zone" && !strings.Contains(err.Error(), "write") {
				t.Errorf("%q: no advice: %v", expression, err)
			}
		}
	}
	if _, err := Parse(strings.Repeat("9", 1<<20) + " * * * *"); err == nil || len(err.Error()) > 300 {
		t.Error("a long value is accepted, or repeated")
	}
}

// Each expression runs as another that is written out.
func TestParseReads(t *testing.T) {
	for expression, plain := range map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", " \t0  0\t1 1 *\n": "0 0 1 1 *",
		"? ? ? ? ?": "* * * * *", "/5 * * * *": "*/5 * * * *", "* * * * /5": "* * * * 0,5", "5/20 * * * *": "5,25,45 * * * *",
		"0 0 * * 7": "0 0 * * 0", "0 0 * * 5-7": "0 0 * * 0,5,6", "0 0 * * fri-sun": "0 0 * * 0,5,6",
		"0 0 * * Sun":     "0 0 * * 0",
		"0 0 * * MON-fri": "0 0 * * 1,2,3,4,5", "0 0 * jan-mar,DEC *": "0 0 * 1,2,3,12 *", "0 0 * * */7": "0 0 */1 * 0",
		"05 007 * * *": "5 7 * * *", "10-30/10,59 * * * *": "10,20,30,59 * * * *", "5-5 0 * * *": "5 0 * * *",
		"0 0 * * sun-mon": "0 0 * * 0,1", "0 0 * * sun-sun": "0 0 * * 0", "0 0 * * 0-7": "0 0 * * 0-6",
		"*,5 1 * * *": "*/1 1 * * *", "0 0 * * 5/1": "0 0 * * 5,6",
	} {
		got, err := Parse(expression)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := Parse(plain)
		if err != nil {
			t.Fatal(err)
		}
		got.warnings, want.warnings = nil, nil
		if got.dows != want.dows || got.doms != want.doms || got.months != want.months ||
			got.hours != want.hours || got.minutes != want.minutes || got.fixed != want.fixed {
			t.Errorf("%q is %+v, not %+v as %q", expression, got, want, plain)
		}
	}
}

func TestWarnings(t *testing.T) {
	for expression, want := range map[string]string{
		"*/5 * * * *":  "",
		"* * * * *":    "",
		"*/5 3 * * *":  "",
		"* 0-23 * * *": "",
		"* * * * /5": `day of week "/5" is read as "*/5"; minute "*" runs every minute of day of week "/5"` +
			`: to run once, write, for example, "0 0 * * /5"`,
		"* 3 * * *":    `minute "*" runs every minute of hour "3": to run once, write, for example, "0 3 * * *"`,
		"5/15 * * * *": `minute "5/15" is read as "5-59/15"`,
	} {
		c, err := Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Warnings(), "; "); got != want {
			t.Errorf("%s: %s", expression, got)
		}
	}
}

// Random expressions (a million with -full) neither panic nor take long, in the parser and in the search.
func TestRandomExpressions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"*", "*", "*/2", "/5", "?", "0", "1", "2", "3", "4", "6", "7", "29", "31", "59", "1-5", "feb", "sun", "sat-sun",
		"2/3", "30", "60", "*/0", "L,",
	}
	zone, err := LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	count := 50_000
	if *full {
		count = 1_000_000
	}
	after := at(t, "2027-01-01T00:00:00Z")
	var slowest time.Duration
	accepted := 0
	for range count {
		var expression []string
		for range 5 {
			word := words[random.IntN(len(words))]
			if random.IntN(4) == 0 {
				word += "," + words[random.IntN(len(words))]
			}
			expression = append(expression, word)
		}
		began := time.Now()
		cron, err := Parse(strings.Join(expression, " "))
		if err != nil {
			continue
		}
		accepted++
		c := &Calendar{Cron: cron, Location: zone}
		next, found := c.Next(after)
		if last, ok := c.Latest(after, next.Scheduled); !found || !ok || !last.Scheduled.Equal(next.Scheduled) {
			t.Fatalf("%v: next %v, and the latest up to then %v", expression, next, last)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("expressions=%d accepted=%d slowest=%s", count, accepted, slowest)
	if accepted < count/100 || slowest > 2*time.Second {
		t.Error("too few are accepted, or one takes too long")
	}
}
