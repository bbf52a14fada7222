package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // an image may have no time zones, or other ones than its predecessor
)

var (
	zoneName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$`)
	locations sync.Map // by name: reading one takes longer than a search
)

// LoadLocation returns an IANA time zone; "" is UTC. What only a machine knows is refused: its local time, and
// directories with zones of another kind.
func LoadLocation(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if location, found := locations.Load(name); found {
		return location.(*time.Location), nil
	}
	refused := fmt.Errorf("unknown time zone %s: write an IANA name, "+
		"for example \"Europe/Berlin\" or \"UTC\"", quote(name))
	directory, _, _ := strings.Cut(name, "/")
	switch strings.ToLower(directory) {
	case "local", "localtime", "posix", "posixrules", "right", "factory":
		return nil, refused
	}
	if len(name) > 64 || !zoneName.MatchString(name) {
		return nil, refused
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, refused
	}
	locations.Store(name, location)
	return location, nil
}

// Date is a day of one year, or of every year, where Year is 0.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

var datePattern = regexp.MustCompile(`^(?:(\d{4})-)?(\d{2})-(\d{2})$`)

// ParseDate reads YYYY-MM-DD, or MM-DD for that day of every year.
func ParseDate(text string) (Date, error) {
	parts := datePattern.FindStringSubmatch(text)
	if parts == nil {
		return Date{}, fmt.Errorf("date %s is neither YYYY-MM-DD nor MM-DD: write, for example, \"2027-12-24\" or \"12-25\"",
			quote(text))
	}
	year := 0
	if parts[1] != "" {
		year, _ = strconv.Atoi(parts[1])
		if year == 0 {
			return Date{}, fmt.Errorf("date %q: there is no year 0: write, for example, \"2027-12-24\" or \"12-25\"", text)
		}
	}
	month, _ := strconv.Atoi(parts[2])
	dom, _ := strconv.Atoi(parts[3])
	leap := year
	if leap == 0 {
		leap = 2000
	}
	if month < 1 || month > 12 || dom < 1 || dom > daysIn(leap, time.Month(month)) {
		return Date{}, fmt.Errorf("date %q is not in the calendar: write, for example, \"2027-12-24\" or \"12-25\"", text)
	}
	return Date{Year: year, Month: time.Month(month), Day: dom}, nil
}

// String writes a date as ParseDate reads it.
func (d Date) String() string {
	if d.Year == 0 {
		return fmt.Sprintf("%02d-%02d", d.Month, d.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// quote quotes what somebody wrote, and no more of it than helps.
func quote(text string) string {
	const enough = 40
	if runes := []rune(text); len(runes) > enough {
		return strconv.Quote(string(runes[:enough]) + "…")
	}
	return strconv.Quote(text)
}
