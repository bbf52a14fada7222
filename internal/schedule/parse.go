package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Cron is a cron expression.
type Cron struct {
	minutes, hours, doms, months, dows uint64 // bits by value
	// fixed is whether neither minute nor hour begins with "*".
	fixed bool
	// anyDay is whether neither day begins with "*": then a day is one by its number or by its weekday.
	anyDay   bool
	warnings []string
}

var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Parse reads a cron expression as crontab(5) has it: five fields of lists of values, ranges and steps, names of
// months and days, 7 as Sunday, and macros. Besides, "?" is "*", a range of days may end with "sun", and two forms
// are read with a warning: "/n" as "*/n", and "a/n" as "a" to the field's end. What never comes is an error.
func Parse(expression string) (*Cron, error) {
	text := strings.Trim(expression, " \t\n")
	if strings.HasPrefix(text, "@") {
		expanded, found := macros[text]
		if !found {
			return nil, refuseMacro(text)
		}
		text = expanded
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) > 0 && (strings.HasPrefix(words[0], "TZ=") || strings.HasPrefix(words[0], "CRON_TZ=")) {
		return nil, fmt.Errorf("%s: a time zone is no part of the expression: write it in timeZone", quote(words[0]))
	}
	if err := countFields(words, expression); err != nil {
		return nil, err
	}
	c := &Cron{}
	for i, into := range []*uint64{&c.minutes, &c.hours, &c.doms, &c.months, &c.dows} {
		bits, warnings, err := fields[i].parse(words[i])
		if err != nil {
			return nil, err
		}
		*into = bits
		c.warnings = append(c.warnings, warnings...)
	}
	c.fixed = !star(words[0]) && !star(words[1])
	c.anyDay = !star(words[2]) && !star(words[4])
	if c.neverComes() {
		return nil, fmt.Errorf("day of month %s never comes in month %s: write a day that the month has, "+
			"for example \"0 0 28 2 *\"", quote(words[2]), quote(words[3]))
	}
	c.warnEveryMinute(words)
	return c, nil
}

// Warnings returns what is accepted, but may not be what was meant.
func (c *Cron) Warnings() []string {
	return c.warnings
}

func refuseMacro(text string) error {
	hint := "write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, " +
		"or five fields, for example \"0 2 * * *\""
	switch {
	case strings.HasPrefix(text, "@every"):
		hint = "write a step instead, for example \"*/5 * * * *\" for every five minutes"
	case text == "@reboot":
		hint = "a cluster has no such moment; " + hint
	}
	return fmt.Errorf("unknown macro %s: %s", quote(text), hint)
}

func countFields(words []string, expression string) error {
	hint := "write minute, hour, day of month, month and day of week, for example \"0 2 * * *\""
	switch {
	case len(words) == 0:
		return errors.New("the expression is empty: " + hint)
	case len(words) == 6 || len(words) == 7:
		hint = "fields for seconds and years are not supported; " + hint
	}
	if len(words) != len(fields) {
		return fmt.Errorf("the expression %s has %d fields, not 5: %s", quote(expression), len(words), hint)
	}
	return nil
}

// neverComes reports whether no month has the days. A weekday comes in every month, and on every 29 February at some
// time.
func (c *Cron) neverComes() bool {
	if c.anyDay {
		return false
	}
	for month := time.January; month <= time.December; month++ {
		days := uint64(1)<<(daysIn(2000, month)+1) - 1
		if c.months&(1<<month) != 0 && c.doms&days != 0 {
			return false
		}
	}
	return true
}

// warnEveryMinute warns of every minute of an hour or of a day, where most probably once was meant.
func (c *Cron) warnEveryMinute(words []string) {
	if words[0] != "*" && words[0] != "?" {
		return
	}
	for i, bits := range []uint64{c.hours, c.doms, c.months, c.dows} {
		if bits == fields[i+1].all() {
			continue
		}
		once := strings.Join(append([]string{"0"}, words[1:]...), " ")
		if i > 0 && c.hours == fields[1].all() {
			once = strings.Join(append([]string{"0", "0"}, words[2:]...), " ")
		}
		c.warnings = append(c.warnings, fmt.Sprintf("minute %q runs every minute of %s %s: "+
			"to run once, write, for example, %q", words[0], fields[i+1].name, quote(words[i+1]), once))
		return
	}
}
