package at

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"maps"
	"slices"
	"time"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/agenda"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("agenda").Parse(pageText))

// pageData is what the page shows: a row for each object, by namespace, over a span of time.
type pageData struct {
	From, Now, Until string
	NowAt            float64 // percent of the width
	Hours            []tick
	Namespaces       []pageNamespace
}

type pageNamespace struct {
	Name string
	Rows []*pageRow
}

type pageRow struct {
	Kind, Name string
	Marks      []mark
}

// mark is a run in the row of its object.
type mark struct {
	At, Length float64 // percent of the width
	Class      string  // how it ended, or that it is to come
	Text       string
}

type tick struct {
	At   float64
	Text string
}

// writePage writes a page with a timeline: as far back as it goes ahead, at most a day.
func writePage(to io.Writer, now, until time.Time, runs []agenda.Run, ats []cnatv1.At) error {
	from := now.Add(-min(until.Sub(now), 24*time.Hour))
	scale := func(t time.Time) float64 {
		return 100 * float64(max(0, t.Sub(from))) / float64(until.Sub(from))
	}
	rows := map[string]map[string]*pageRow{}
	add := func(namespace, kind, name string, m mark) {
		if rows[namespace] == nil {
			rows[namespace] = map[string]*pageRow{}
		}
		key := kind + "/" + name
		if rows[namespace][key] == nil {
			rows[namespace][key] = &pageRow{Kind: kind, Name: name}
		}
		rows[namespace][key].Marks = append(rows[namespace][key].Marks, m)
	}
	for _, run := range runs {
		text := run.When.In(now.Location()).Format("Mon 15:04:05 MST")
		if run.Zone != "" {
			text += ", scheduled in " + run.Zone
		}
		if run.Note != "" {
			text += ": " + run.Note
		}
		add(run.Namespace, run.Kind, run.Name, mark{At: scale(run.When), Class: "coming", Text: text})
	}
	for i := range ats {
		at := &ats[i]
		if at.Status.StartTime == nil || at.Status.CompletionTime != nil && at.Status.CompletionTime.Time.Before(from) {
			continue
		}
		end := now
		if at.Status.CompletionTime != nil {
			end = at.Status.CompletionTime.Time
		}
		kind, name := "At", at.Name
		if owner := agenda.Owner(at); owner != nil {
			kind, name = owner.Kind, owner.Name
		}
		start := at.Status.StartTime.Time
		text := start.In(now.Location()).Format("Mon 15:04:05 MST") + ", " + string(at.Status.Phase) + " after " +
			end.Sub(start).Round(time.Second).String()
		add(at.Namespace, kind, name, mark{scale(start), scale(end) - scale(start), string(at.Status.Phase), text})
	}
	data := pageData{
		From: from.Format(time.RFC1123), Now: now.Format(time.RFC1123), Until: until.Format(time.RFC1123), NowAt: scale(now),
		Hours: ticks(from, until, scale),
	}
	for _, namespace := range slices.Sorted(maps.Keys(rows)) {
		of := pageNamespace{Name: namespace}
		for _, row := range rows[namespace] {
			slices.SortFunc(row.Marks, func(a, b mark) int { return cmp.Compare(a.At, b.At) })
			of.Rows = append(of.Rows, row)
		}
		slices.SortFunc(of.Rows, func(a, b *pageRow) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
		data.Namespaces = append(data.Namespaces, of)
	}
	return pageTemplate.Execute(to, data)
}

// ticks are about twelve full hours, or days.
func ticks(from, until time.Time, scale func(time.Time) float64) []tick {
	step := time.Hour
	for _, wider := range []time.Duration{2, 3, 6, 12, 24, 48, 7 * 24, 28 * 24} {
		if until.Sub(from)/step > 14 {
			step = wider * time.Hour
		}
	}
	format := "15:04"
	if step >= 24*time.Hour {
		format = "Jan 2"
	}
	var all []tick
	for hour := 0; ; hour += int(step.Hours()) { // on the wall, whatever the clocks do
		t := time.Date(from.Year(), from.Month(), from.Day(), hour, 0, 0, 0, from.Location())
		if !t.Before(until) {
			return all
		}
		if t.After(from) {
			all = append(all, tick{scale(t), t.Format(format)})
		}
	}
}
