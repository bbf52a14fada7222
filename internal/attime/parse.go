package attime

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// parser reads tokens by at's grammar (parsetime.y) into a time as a calendar has it, which may still be out of range:
// 24:00, 10:60 and 31 April are read as what follows.
type parser struct {
	tokens                         []token
	read                           int       // how many tokens
	base                           time.Time // the present, in whole minutes
	exact                          time.Time // what was set last: of two times that look the same, this one is meant
	location                       *time.Location
	year, month, day, hour, minute int
	// timeOnly is when no date was given: a time that has passed is one of the next day. Else a date without a year that
	// has passed is one of the next year, unless hasYear.
	timeOnly, hasYear bool
}

// set takes over a time as the calendar of its zone has it.
func (p *parser) set(t time.Time) {
	p.exact, p.location = t, t.Location()
	p.year, p.month, p.day, p.hour, p.minute = t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute()
}

// instant is the time that was read, as far as it was.
func (p *parser) instant() time.Time {
	wall := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, 0, 0, time.UTC)
	if exact := p.exact.In(p.location); exact.Format(time.DateTime) == wall.Format(time.DateTime) {
		return exact
	}
	return onWall(wall, p.location)
}

// onWall is when the clock on the wall shows a time: the first of two; for one that clocks skip, as much later.
func onWall(wall time.Time, location *time.Location) time.Time {
	by := func(of time.Time) (t time.Time, exists bool) {
		_, offset := of.In(location).Zone()
		t = wall.Add(time.Duration(-offset) * time.Second).In(location)
		_, actual := t.Zone()
		return t, actual == offset
	}
	// No clock is further from UTC than a day, nor changes twice within two.
	before, exists := by(wall.AddDate(0, 0, -1))
	if after, other := by(wall.AddDate(0, 0, 1)); !exists && other {
		return after
	}
	return before
}

func (p *parser) peek() token {
	if p.read < len(p.tokens) {
		return p.tokens[p.read]
	}
	return token{}
}

// accept reads the next token if it is of one of some kinds.
func (p *parser) accept(kinds ...kind) (token, bool) {
	next := p.peek()
	if next.kind == unknown || !slices.Contains(kinds, next.kind) {
		return token{}, false
	}
	p.read++
	return next, true
}

// acceptMark reads the next token if it is a character that means something by itself.
func (p *parser) acceptMark(mark string) bool {
	if p.peek().text != mark {
		return false
	}
	p.read++
	return true
}

// unexpected is the error about the next token, or that there is none.
func (p *parser) unexpected(wanted string) error {
	var before []string
	for _, token := range p.tokens[:p.read] {
		before = append(before, token.text)
	}
	after := ""
	if len(before) > 0 {
		after = fmt.Sprintf(" after %q", strings.Join(before, " "))
	}
	if p.read == len(p.tokens) {
		return fmt.Errorf("%s is missing%s", wanted, after)
	}
	return fmt.Errorf("%q%s is not %s", p.peek().text, after, wanted)
}

// parse reads all tokens.
func (p *parser) parse() (time.Time, error) {
	if _, ok := p.accept(now); ok {
		p.hasYear = true
	} else if isTime, err := p.time(); err != nil {
		return time.Time{}, err
	} else if p.timeOnly = isTime && !p.dateFollows(); !p.timeOnly {
		if err := p.date(); err != nil {
			return time.Time{}, err
		}
	}
	if err := p.increment(); err != nil {
		return time.Time{}, err
	}
	if p.read < len(p.tokens) {
		return time.Time{}, p.unexpected("what may follow: a date comes after a time, and then \"+\" or \"-\" and a period")
	}
	p.advance()
	return p.instant(), nil
}

// advance makes what has passed the next such time, of the day or the year. It goes by the numbers that were read,
// as at does, also where these are in UTC.
func (p *parser) advance() {
	switch year, month, day := p.base.Date(); {
	case p.timeOnly:
		if p.day == day && (p.hour < p.base.Hour() || p.hour == p.base.Hour() && p.minute <= p.base.Minute()) {
			p.day++
		}
	case !p.hasYear:
		if p.year == year && (p.month < int(month) || p.month == int(month) && p.day < day) {
			p.year++
		}
	}
}

// time reads a time of the day, if one is next.
func (p *parser) time() (bool, error) {
	switch first := p.peek(); {
	case first.kind == digits4:
		p.hour, p.minute = number(first.text[:2]), number(first.text[2:])
	case first.kind == hourMinute:
		separator := strings.IndexAny(first.text, ":'hH,.")
		p.hour, p.minute = number(first.text[:separator]), number(first.text[separator+1:])
	case first.kind == hourName:
		p.hour, p.minute = first.value, 0
	case (first.kind == digits1 || first.kind == digits2) && p.read+1 < len(p.tokens) && p.tokens[p.read+1].kind == meridiem:
		p.hour, p.minute = number(first.text), 0
	default:
		return false, nil
	}
	if p.hour > 24 || p.minute > 60 {
		return false, p.unexpected("a time of the day")
	}
	first := p.peek()
	p.read++
	if first.kind != hourName && first.kind != digits4 {
		if half, ok := p.accept(meridiem); ok {
			if p.hour > 12 {
				p.read--
				return false, p.unexpected("what may follow an hour of more than 12")
			}
			p.hour = p.hour%12 + half.value
		}
	}
	if _, ok := p.accept(utc); ok {
		p.location = time.UTC
	}
	return true, nil
}

func (p *parser) dateFollows() bool {
	return p.read < len(p.tokens) && !slices.Contains([]string{"+", "-"}, p.peek().text)
}
