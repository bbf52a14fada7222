package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Dashboard is what is read of a dashboard of Grafana.
type Dashboard struct {
	Title  string
	Panels []Panel
}

// Panel is one picture of a dashboard.
type Panel struct {
	Title, Description string
	Targets            []Target
	GridPos            struct{ H, W, X, Y int }
	FieldConfig        struct {
		Defaults struct{ Unit string }
	}
}

// Target is one query of a panel.
type Target struct{ Expr, LegendFormat string }

// ReadDashboard reads a dashboard of config/grafana.
func ReadDashboard(file string) (*Dashboard, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a dashboard: %w", err)
	}
	dashboard := &Dashboard{}
	if err := json.Unmarshal(text, dashboard); err != nil {
		return nil, fmt.Errorf("read the dashboard %s: %w", file, err)
	}
	return dashboard, nil
}

// Query is the query as Grafana sends it, with an interval of its own choice for rates.
func (t Target) Query(rateInterval string) string {
	return strings.ReplaceAll(t.Expr, "$__rate_interval", rateInterval)
}

var field = regexp.MustCompile(`\{\{(\w+)\}\}`)

// Legend is what a series is called.
func (t Target) Legend(labels map[string]string) string {
	return field.ReplaceAllStringFunc(t.LegendFormat, func(name string) string { return labels[strings.Trim(name, "{}")] })
}
