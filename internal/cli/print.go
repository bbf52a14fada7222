package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// timeFormat has all by which two times of different zones differ.
const timeFormat = "Mon 2006-01-02 15:04:05 MST"

// When writes a time in the user's zone and how far it is from now: "Sat 2027-07-03 16:00:00 CEST (in 3h25m)".
func (t *Tool) When(at time.Time) string {
	return fmt.Sprintf("%s (%s)", t.Local(at), t.Distance(at))
}

// Local writes a time in the user's zone.
func (t *Tool) Local(at time.Time) string { return at.In(t.Now().Location()).Format(timeFormat) }

// Distance writes how far a time is from now.
func (t *Tool) Distance(at time.Time) string {
	switch until := at.Sub(t.Now()); {
	case until > 0:
		return "in " + duration.HumanDuration(until)
	case until > -time.Second:
		return "now"
	default:
		return duration.HumanDuration(-until) + " ago"
	}
}

// Table writes rows in columns, as kubectl get does.
func Table(to io.Writer, header []string, rows [][]string) error {
	writer := tabwriter.NewWriter(to, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Printable(cell)
		}
		if _, err := fmt.Fprintln(writer, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return writer.Flush()
}

// Printable replaces what a terminal would obey, and what would break the table.
func Printable(cell string) string {
	if cell == "" {
		return "<none>"
	}
	return strings.Map(withoutControls, cell)
}

// withoutControls is a space for each control character.
func withoutControls(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return ' '
	}
	return r
}
