package attime

import (
	"regexp"
	"strings"
)

// kind is what a token is in at's grammar.
type kind int

const (
	unknown kind = iota // also "+", "-", "/" and ","
	digits1
	digits2
	digits4
	digits5to8
	digits     // any other number of digits
	dotted     // day.month.year
	hyphenated // year-month-day
	hourMinute // 12:30, 12.30, 12,30, 12h30, 12'30
	now
	hourName
	meridiem
	weekday
	dayName
	next
	period
	month
	utc
)

// The periods that an increment counts.
const (
	minutes = iota
	hours
	days
	weeks
	months
	years
)

// token is a piece of a time. value is what a word stands for: an hour, a day, a month or a period.
type token struct {
	kind  kind
	text  string
	value int
}

// rule is how tokens of a kind are written.
type rule struct {
	kind    kind
	value   int
	pattern *regexp.Regexp
}

func written(kind kind, value int, pattern string) rule {
	compiled := regexp.MustCompile(`(?i)^(?:` + pattern + `)`)
	compiled.Longest()
	return rule{kind, value, compiled}
}

// rules are at's: parsetime.l of Debian's at 3.2.5. The longest token that matches is read; of equal ones, the first.
// Words need no space after them, and are in English whatever the locale.
var rules = append([]rule{
	written(now, 0, `now`), written(utc, 0, `utc`), written(next, 0, `next`),
	written(meridiem, 0, `am`), written(meridiem, 12, `pm`),
	written(hourName, 0, `midnight`), written(hourName, 12, `noon`), written(hourName, 16, `teatime`),
	written(dayName, 0, `today`), written(dayName, 1, `tomorrow`),
	written(period, minutes, `min(utes?)?`), written(period, hours, `hours?`), written(period, days, `days?`),
	written(period, weeks, `weeks?`), written(period, months, `months?`), written(period, years, `years?`),
	written(digits1, 0, `[0-9]`), written(digits2, 0, `[0-9]{2}`), written(digits4, 0, `[0-9]{4}`),
	written(digits5to8, 0, `[0-9]{5,8}`), written(digits, 0, `[0-9]+`),
	written(dotted, 0, `[0-9]{1,2}\.[0-9]{1,2}\.([0-9]{2}){1,2}`),
	written(hyphenated, 0, `([0-9]{2}){1,2}-[0-9]{1,2}-[0-9]{1,2}`),
	written(hourMinute, 0, `[012]?[0-9][:'h,.][0-9]{2}`),
}, named()...)

// named are the names of days and months, in full or by three letters.
func named() []rule {
	var all []rule
	for value, name := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
		all = append(all, written(weekday, value, name[:3]+`(`+name[3:]+`)?`))
	}
	for value, name := range []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december",
	} {
		all = append(all, written(month, value+1, name[:3]+`(`+name[3:]+`)?`))
	}
	return all
}

// word is what an error is about that is no token: letters, or one character.
var word = regexp.MustCompile(`(?s)^(\pL+|.)`)

// lex splits a text into tokens. What is no token is one of an unknown kind.
func lex(text string) []token {
	var tokens []token
	for text = trim(text); text != ""; text = trim(text) {
		found := token{text: word.FindString(text)}
		for _, rule := range rules {
			if match := rule.pattern.FindString(text); match != "" && (found.kind == unknown || len(match) > len(found.text)) {
				found = token{rule.kind, match, rule.value}
			}
		}
		tokens = append(tokens, found)
		text = text[len(found.text):]
	}
	return tokens
}

func trim(text string) string { return strings.TrimLeft(text, " \t\n") }
