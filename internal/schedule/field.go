package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is what one of an expression's fields may hold.
type field struct {
	name      string
	low, high int
	last      int // where "a/n" ends: a Sunday begins a week
	names     []string
	example   string
}

var (
	months   = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

	fields = []field{
		{name: "minute", low: 0, high: 59, last: 59, example: "*/15"},
		{name: "hour", low: 0, high: 23, last: 23, example: "9-17"},
		{name: "day of month", low: 1, high: 31, last: 31, example: "1,15"},
		{name: "month", low: 1, high: 12, last: 12, names: months, example: "jan-mar"},
		{name: "day of week", low: 0, high: 7, last: 6, names: weekdays, example: "mon-fri"},
	}
)

// star reports whether a field begins with "*", or with what is read so.
func star(text string) bool {
	return strings.HasPrefix(text, "*") || strings.HasPrefix(text, "?") || strings.HasPrefix(text, "/")
}

// all returns the bits of every value.
func (f field) all() uint64 {
	return uint64(1)<<(f.last+1) - uint64(1)<<f.low
}

func (f field) parse(text string) (bits uint64, warnings []string, err error) {
	for item := range strings.SplitSeq(text, ",") {
		r, err := f.rangeOf(item)
		if err != nil {
			return 0, nil, fmt.Errorf("%s %s: %w: write, for example, %q", f.name, quote(text), err, f.example)
		}
		if r.readAs != "" {
			warnings = append(warnings, fmt.Sprintf("%s %s is read as %q", f.name, quote(item), r.readAs))
		}
		for value := r.from; value <= r.to; value += r.step {
			bits |= 1 << value
		}
	}
	if f.last < f.high && bits&(1<<f.high) != 0 { // 7 is Sunday
		bits = bits&^(1<<f.high) | 1<<f.low
	}
	return bits, warnings, nil
}

// steps are the values of one item of a list.
type steps struct {
	from, to, step int
	readAs         string
}

func (f field) rangeOf(item string) (steps, error) {
	body, stepText, stepped := strings.Cut(item, "/")
	r := steps{step: 1}
	if stepped {
		step, err := number(stepText)
		if err != nil || step < 1 || step > f.high {
			return r, fmt.Errorf("the step %s is not a number from 1 to %d", quote(stepText), f.high)
		}
		r.step = step
	}
	switch {
	case body == "*" || body == "?":
		r.from, r.to = f.low, f.high
		return r, nil
	case body == "" && stepped:
		r.from, r.to, r.readAs = f.low, f.high, "*"+item
		return r, nil
	case body == "":
		return r, fmt.Errorf("a value is missing")
	}
	fromText, toText, ranged := strings.Cut(body, "-")
	var err error
	if r.from, err = f.value(fromText); err != nil {
		return r, err
	}
	r.to = r.from
	switch {
	case ranged:
		if r.to, err = f.value(toText); err != nil {
			return r, err
		}
		if r.to < r.from && strings.EqualFold(toText, "sun") {
			r.to = f.high
		}
	case stepped:
		r.to = max(f.last, r.from)
		r.readAs = fmt.Sprintf("%s-%d/%s", fromText, r.to, stepText)
	}
	if r.to < r.from {
		return r, fmt.Errorf("the range %s ends before it begins", quote(body))
	}
	return r, nil
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 && text != "" {
		return i, nil
	}
	value, err := number(text)
	if err == nil && value >= f.low && value <= f.high {
		return value, nil
	}
	names := ""
	if len(f.names) > 0 {
		names = fmt.Sprintf(" or a name from %s to %s", f.names[f.low], f.names[f.last])
	}
	problem := fmt.Sprintf("%s is not a number from %d to %d%s", quote(text), f.low, f.high, names)
	if strings.ContainsAny(text, "LW#H") && err != nil {
		problem += " (L, W, H and # are not supported)"
	}
	return 0, fmt.Errorf("%s", problem)
}

// number reads digits, and nothing else that strconv takes.
func number(text string) (int, error) {
	if strings.Trim(text, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(text)
}
