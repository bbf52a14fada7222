package attime

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Debian's at, run for each line "zone|base|text", on a spool of its own and with the base as the present. It names a
// job by its number and, in the last eight digits, by its time in minutes.
const runAt = `
set -e
mkdir -p /var/spool/cron
mount -t tmpfs none /var/spool/cron
mkdir /var/spool/cron/atjobs /var/spool/cron/atspool
touch /var/spool/cron/atjobs/.SEQ
chown -R daemon:daemon /var/spool/cron
cd /var/spool/cron/atjobs
while IFS='|' read -r zone base text; do
	set -f
	set -- $text
	LD_PRELOAD="$FAKETIME_LIBRARY" FAKETIME="$base" TZ="$zone" "$AT" -M -- "$@" < "$0" > /dev/null 2>&1 || :
	set +f
	set -- a*
	echo "$1"
	[ "$1" = 'a*' ] || rm "$1"
done`

// debiansAt is what Debian's at makes of texts.
func debiansAt(t *testing.T, asked []question) []answer {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Debian's at runs here only as root, which mounts a spool for it")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("Debian's at comes from Debian's packages, and apt-get is not there")
	}
	folder := t.TempDir()
	run := func(input string, environment []string, name string, arguments ...string) string {
		command := exec.CommandContext(t.Context(), name, arguments...)
		command.Dir, command.Stdin, command.Env = folder, strings.NewReader(input), append(os.Environ(), environment...)
		var problem bytes.Buffer
		command.Stderr = &problem
		output, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, problem.String())
		}
		return string(output)
	}
	run("", nil, "apt-get", "download", "-q", "at", "libfaketime")
	packages, _ := filepath.Glob(filepath.Join(folder, "*.deb"))
	for _, file := range packages {
		run("", nil, "dpkg", "-x", file, folder)
	}
	library, _ := filepath.Glob(filepath.Join(folder, "usr/lib/*/faketime/libfaketime.so.1"))
	at := filepath.Join(folder, "usr/bin/at")
	if err := os.Chmod(at, 0o755); err != nil || len(library) != 1 { // setuid programs preload nothing
		t.Fatal(err, library)
	}
	script := filepath.Join(folder, "run-at.sh") // which is also what at is to run
	if err := os.WriteFile(script, []byte(runAt), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, q := range asked {
		fmt.Fprintf(&lines, "%s|%s|%s\n", q.base.Location(), q.base.Format("2006-01-02 15:04:05"), q.text)
	}
	output := run(lines.String(), []string{"AT=" + at, "FAKETIME_LIBRARY=" + library[0]}, "unshare", "--mount", "sh", script)
	var answers []answer
	for line := range strings.Lines(output) {
		job := strings.TrimSpace(line)
		if job == "a*" {
			answers = append(answers, answer{})
			continue
		}
		minutes, err := strconv.ParseInt(job[len(job)-8:], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, answer{time.Unix(minutes*60, 0), true})
	}
	if len(answers) != len(asked) {
		t.Fatalf("%d answers to %d questions", len(answers), len(asked))
	}
	return answers
}

type question struct {
	base time.Time
	text string
}

type answer struct {
	at       time.Time
	accepted bool
}

// The pieces that texts are made of; some make no sense, or not where they come to stand.
var (
	times = strings.Split(`0000 0930 1634 2359 2400 2460 1260 1261 2500 930 9:30 09:30 09.30 9,30 9h30 9'30 24:00 24:01 0:00 12:60 23:60 9:3 `+
		`30:00 9am 9pm 12am 12pm 13am 0pm 4PM 11:30pm 12:15am 13:00pm noon midnight teatime Noon 9 16 now`, " ")
	dates = strings.Split(`today|tomorrow|monday|tue|Wednesday|thu|friday|saturday|sunday|sund|next monday|next day|next week|next month|`+
		`next year|next hour|next minute|next|jan 5|january 31|feb 29|feb 30|Feb 29 2028|mar 31|july 3|jul 32|oct 31, 2027|oct 31,2027|dec 25 27|`+
		`december 25 2027|5 jan|29 feb|31 apr|3 july 2027|3 jul 27|0 jan|7/3/2027|7/3/27|13/1/27|12/31/27|7/32/27|7/3|2027-07-03|27-7-3|2027-02-29|`+
		`2028-02-29|2027-13-01|2027-1-1|3.7.2027|03.07.27|29.02.2027|31.04.27|070327|07032027|70327|7032027|7002027|133127|12327|jan|2027|`+
		`apr 31|jun 1 99|1 jun 69|1 jun 70|jan 1 1900|jan 1 1901|may 5 0027`, "|")
	increments = strings.Split(`+ 1 minute|+1min|+ 90 minutes|+ 0 minutes|+ 1 hour|+ 36 hours|+ 1 day|+ 31 days|+ 1 week|+ 3 weeks|+ 1 month|+ 13 months|`+
		`+ 1 year|+ 1234 days|+ 12345 minutes|+ 100 weeks|+ 123 days|- 1 minute|- 30 minutes|- 2 hours|- 1 day|-1week|- 1 month|- 14 months|- 1 year|`+
		`+ days|+ 5|+ 5 mins|+ 1 fortnight|+|5 minutes`, "|")
)

// texts are combinations of the pieces, at random, beside each of them alone.
func texts(random *rand.Rand, count int) []string {
	all := append(append(append([]string{}, times...), dates...), "now now", "foo", "10:00foo", "10:00 + 1 day + 1 day", "tomorrow 10:00", "+ 1 hour")
	for _, increment := range increments {
		all = append(all, "now "+increment, "now"+strings.ReplaceAll(increment, " ", ""))
	}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for len(all) < count {
		var parts []string
		if random.IntN(4) > 0 {
			parts = append(parts, pick(times))
			if random.IntN(6) == 0 {
				parts = append(parts, "utc")
			}
		}
		if random.IntN(3) > 0 {
			parts = append(parts, pick(dates))
		}
		if random.IntN(3) == 0 {
			parts = append(parts, pick(increments))
		}
		if text := strings.Join(parts, []string{" ", " ", "  ", ""}[random.IntN(4)]); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// Every form gives what Debian's at makes of it, or is refused as it refuses it. Where clocks change, at is wrong.
func TestAgreesWithDebiansAt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var asked []question
	for _, base := range [][2]string{
		{"UTC", "2027-03-01 12:34:56"},
		{"Europe/Berlin", "2027-01-31 23:59:30"},
		{"America/New_York", "2028-02-29 00:00:01"},
		{"Asia/Kolkata", "2027-12-31 16:34:00"},
		{"Pacific/Auckland", "2027-06-15 09:30:15"},
	} {
		for _, text := range texts(random, 400) {
			asked = append(asked, question{in(t, base[0], base[1]), text})
		}
	}
	asked = append(asked, question{in(t, "Europe/Berlin", "2027-10-31 01:45:00"), "now + 2 hours"},
		question{in(t, "Europe/Berlin", "2027-03-28 01:30:00"), "now + 60 minutes"})
	changes := []string{"2027-10-31T03:45:00+01:00", "2027-03-28T01:30:00+01:00"} // 3 hours later, and now
	answers := debiansAt(t, asked)
	agreed, refused, far, elapsed := 0, 0, 0, 0
	for i, debian := range answers[:len(asked)-len(changes)] {
		at, err := Parse(asked[i].text, asked[i].base)
		switch {
		case err != nil && !debian.accepted:
			refused++
		case err == nil && debian.accepted && at.Truncate(time.Minute).Equal(debian.at):
			agreed++
		case err != nil && debian.at.After(asked[i].base.AddDate(Furthest, 0, 0)):
			far++
		case err == nil && debian.accepted && isElapsed(asked[i], at, debian.at):
			elapsed++
		default:
			t.Errorf("%q at %s: %s, %v; at says %s, %t", asked[i].text, asked[i].base, at, err, debian.at, debian.accepted)
		}
	}
	for i, change := range changes {
		if says := answers[len(answers)-len(changes)+i].at.In(asked[len(asked)-1].base.Location()).Format(time.RFC3339); says != change {
			t.Errorf("at says %s, not %s: is it still wrong where clocks change?", says, change)
		}
	}
	forms := len(asked) - len(changes)
	fmt.Printf("forms=%d agreed=%d refused_by_both=%d too_far_ahead=%d hours_across_a_change=%d disagreed=%d\n",
		forms, agreed, refused, far, elapsed, forms-agreed-refused-far-elapsed)
}

// isElapsed reports whether two answers differ in that hours and minutes are counted across a change of clocks: as time
// that passes, and on the wall.
func isElapsed(q question, ours, debians time.Time) bool {
	text := strings.ToLower(q.text)
	_, before := q.base.Zone()
	_, after := ours.Zone()
	return (strings.Contains(text, "hour") || strings.Contains(text, "min")) && before != after &&
		debians.Sub(ours.Truncate(time.Minute)) == time.Duration(before-after)*time.Second
}
