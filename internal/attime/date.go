package attime

import (
	"strconv"
	"strings"
	"time"
)

// date reads a date, which must be next.
func (p *parser) date() error {
	first := p.peek()
	switch first.kind {
	case month:
		p.read++
		p.month = first.value
		if err := p.dayOfMonth(); err != nil {
			return err
		}
		if p.acceptMark(",") {
			return p.yearOf("a year")
		}
		p.optionalYear()
	case digits1, digits2:
		return p.numbered()
	case weekday:
		p.read++
		p.forward(first.value)
	case dayName:
		p.read++
		p.add(first.value, days)
	case next:
		return p.nextPeriod()
	case dotted, hyphenated:
		parts := strings.FieldsFunc(first.text, func(r rune) bool { return r == '.' || r == '-' })
		if first.kind == dotted {
			parts[0], parts[2] = parts[2], parts[0]
		}
		p.hasYear, p.year, p.month, p.day = true, yearOf(parts[0]), number(parts[1]), number(parts[2])
		if p.month < 1 || p.month > 12 || p.day < 1 || p.day > daysIn(p.year, p.month) {
			return p.unexpected("a date of the calendar")
		}
		p.read++
	case digits5to8: // [M]MDD[YY]YY
		text := first.text
		if len(text)%2 == 1 {
			text = "0" + text
		}
		p.hasYear, p.month, p.day, p.year = true, number(text[:2]), number(text[2:4]), yearOf(text[4:])
		if p.month < 1 || p.month > 12 || p.day > 31 {
			return p.unexpected("a date of the form MMDDYY or MMDDYYYY")
		}
		p.read++
	default:
		return p.unexpected("a time or a date")
	}
	return nil
}

// numbered reads a date that begins with a number: "3 july", "3 july 2027", or "7/3/2027".
func (p *parser) numbered() error {
	first := p.peek()
	p.read++
	if p.acceptMark("/") {
		if p.month = number(first.text); p.month < 1 || p.month > 12 {
			p.read -= 2
			return p.unexpected("a month")
		}
		if err := p.dayOfMonth(); err != nil {
			return err
		}
		if !p.acceptMark("/") {
			return p.unexpected(`"/" and a year`)
		}
		return p.yearOf("a year")
	}
	name, ok := p.accept(month)
	if !ok {
		return p.unexpected("am, pm or a month")
	}
	if p.day, p.month = number(first.text), name.value; p.day < 1 || p.day > 31 {
		p.read -= 2
		return p.unexpected("a day of the month")
	}
	p.optionalYear()
	return nil
}

func (p *parser) dayOfMonth() error {
	next := p.peek()
	if p.day = number(next.text); next.kind != digits1 && next.kind != digits2 || p.day < 1 || p.day > 31 {
		return p.unexpected("a day of the month")
	}
	p.read++
	return nil
}

func (p *parser) yearOf(wanted string) error {
	if !p.optionalYear() {
		return p.unexpected(wanted)
	}
	return nil
}

func (p *parser) optionalYear() bool {
	next, ok := p.accept(digits2, digits4)
	if ok {
		p.hasYear, p.year = true, yearOf(next.text)
	}
	return ok
}

// nextPeriod reads "next week", "next month", "next friday" and their like.
func (p *parser) nextPeriod() error {
	p.read++
	if next, ok := p.accept(period); ok {
		p.add(1, next.value)
		return nil
	}
	next, ok := p.accept(weekday)
	if !ok {
		return p.unexpected("a period or a day of the week")
	}
	p.forward(next.value)
	return nil
}

// FollowsNext reports whether a word makes a date with "next" before it, as "friday" and "month" do.
func FollowsNext(word string) bool {
	tokens := lex(word)
	return len(tokens) == 1 && (tokens[0].kind == weekday || tokens[0].kind == period)
}

// increment reads "+ 2 hours" or "- 2 hours", if that is next.
func (p *parser) increment() error {
	sign := 1
	switch {
	case p.acceptMark("-"):
		sign = -1
	case !p.acceptMark("+"):
		return nil
	}
	count, ok := p.accept(digits1, digits2, digits4, digits5to8, digits)
	if !ok {
		return p.unexpected("a number")
	}
	unit, ok := p.accept(period)
	if !ok {
		return p.unexpected("minutes, hours, days, weeks, months or years")
	}
	if len(count.text) > 8 {
		p.read -= 2
		return p.unexpected("a number of at most 8 digits")
	}
	if unit.value >= days {
		p.timeOnly = false
	}
	p.add(sign*number(count.text), unit.value)
	return nil
}

// forward goes to the next day of a name, which is not today.
func (p *parser) forward(weekday int) {
	p.add((6+weekday-int(p.instantOfDay().Weekday()))%7+1, days)
}

// instantOfDay is the day that was read, whatever the clocks do on it.
func (p *parser) instantOfDay() time.Time {
	return time.Date(p.year, time.Month(p.month), p.day, 12, 0, 0, 0, time.UTC)
}

// add adds a number of periods. Days and more keep the time of the day; minutes and hours are time that passes.
func (p *parser) add(count, period int) {
	switch period {
	case minutes, hours:
		length := time.Minute
		if period == hours {
			length = time.Hour
		}
		p.set(p.instant().Add(time.Duration(count) * length))
		return
	case days, weeks:
		if period == weeks {
			count *= 7
		}
		p.day += count
	case months: // 31 January and 13 months is 3 March of the year after this one, as a month later is 3 March
		next := time.Date(0, time.Month(p.month+count), 1, 0, 0, 0, 0, time.UTC)
		p.month = int(next.Month())
		p.set(p.instant())
		p.year += next.Year()
	case years:
		p.year += count
	}
	p.set(p.instant())
}

// yearOf is a year of two digits or four: 00 to 69 are of this century. Others below 1901 at counts from 1900.
func yearOf(text string) int {
	switch year := number(text); {
	case year < 70:
		return 2000 + year
	case year > 1900:
		return year
	default:
		return 1900 + year
	}
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// number is that of a text that is only digits; 0 where it is none.
func number(text string) int {
	value, _ := strconv.Atoi(text)
	return value
}
