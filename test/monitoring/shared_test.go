package monitoring

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestRulesAreShortened(t *testing.T) {
	t.Parallel()
	text := read(t, rulesFile)
	shorter, err := Shortened(text)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := ParseRules(text)
	after, err := ParseRules(shorter)
	if err != nil {
		t.Fatal(err)
	}
	for i, rule := range after.All() {
		was := before.All()[i]
		if (rule.For != "") != (was.For != "") || rule.For != "" && rule.For != ShortFor {
			t.Errorf("%s waits %q, was %q", rule.Alert, rule.For, was.For)
		}
		if (rule.Expr == was.Expr) != !strings.ContainsAny(was.Expr, "[") || strings.Contains(rule.Expr, "m]") {
			t.Errorf("%s is %s, was %s", rule.Alert, rule.Expr, was.Expr)
		}
	}
	for name, change := range map[string][2]string{
		"a threshold": {"> 100", "> 10"}, "a label": {"severity: info", "severity: none"}, "a condition": {`outcome="Missed"`, `outcome="Failed"`},
	} {
		if changed := strings.Replace(string(shorter), change[0], change[1], 1); onlyShorter(text, []byte(changed)) == nil {
			t.Errorf("%s was changed, and that is not noticed", name)
		}
	}
}

func TestCommandsOfAnEntry(t *testing.T) {
	t.Parallel()
	const page = "## Alerts\n### One\ntext\n```sh\nget NAME-0 -n NS # NAMES\n```\nmore\n```sh\nfix\n```\n### None\nnothing\n## Next\n```sh\nother\n```\n"
	for name, test := range map[string]struct {
		alert  string
		values map[string]string
		want   string // of the commands, or of the error
	}{
		"all blocks":      {"One", map[string]string{"NS": "shop", "NAME": "orders"}, "get orders-0 -n shop # NAMES\nfix\n"},
		"a missing value": {"One", map[string]string{"NS": "shop"}, "the entry One asks for [NAME]"},
		"one too many":    {"One", map[string]string{"NS": "shop", "NAME": "orders", "NODE": "n"}, "the entry One does not ask for NODE"},
		"no command":      {"None", nil, "the entry None of the runbooks has no command"},
		"no entry":        {"Two", nil, "the runbooks have no entry Two"},
	} {
		got, err := Commands(page, test.alert, test.values)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestQueryAndLegend(t *testing.T) {
	t.Parallel()
	target := Target{Expr: "rate(a[$__rate_interval])", LegendFormat: "{{method}} {{code}}"}
	if got := target.Query("1m"); got != "rate(a[1m])" {
		t.Error(got)
	}
	if got := target.Legend(map[string]string{"method": "GET", "code": "200"}); got != "GET 200" {
		t.Error(got)
	}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	points := func(values ...float64) []Point {
		var all []Point
		for i, value := range values {
			all = append(all, Point{from.Add(time.Duration(i) * time.Minute), value})
		}
		return all
	}
	panel := Panel{Title: "Late & <later>"}
	panel.GridPos.W, panel.GridPos.H = 8, 7
	panel.FieldConfig.Defaults.Unit = "s"
	dashboard := &Dashboard{Title: "one", Panels: []Panel{panel}}
	nan := math.NaN()
	svg := Draw(dashboard, [][]Series{{{Name: "a", Points: points(1, 2, nan, 3, 90)}, {Name: "b", Points: points(nan, nan, 5, nan)}}}, from, from.Add(time.Hour))
	for part, times := range map[string]int{
		"<polyline": 2, "<circle": 1, "Late &amp; &lt;later&gt;": 1, ">90 s<": 1, ">0 s<": 1, ">12:00<": 1, ">12:30<": 1, ">13:00<": 1,
	} {
		if got := strings.Count(svg, part); got != times {
			t.Errorf("%q is there %d times, want %d:\n%s", part, got, times, svg)
		}
	}
}

func TestInUnit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value      float64
		unit, want string
	}{
		{0.25, "percentunit", "25 %"},
		{3 << 20, "bytes", "3 MiB"},
		{0.0125, "s", "12.5 ms"},
		{90, "s", "90 s"},
		{-7200, "s", "-2 h"},
		{300, "s", "5 min"},
		{1.5, "ops", "1.5 /s"},
		{2330, "ops", "2.33 k/s"},
		{2, "short", "2"},
	} {
		if got := inUnit(test.value, test.unit); got != test.want {
			t.Errorf("%g in %s is %q, want %q", test.value, test.unit, got, test.want)
		}
	}
}
