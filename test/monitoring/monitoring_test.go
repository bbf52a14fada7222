// Package monitoring tests that alerts and dashboards ask for metrics that the
// operator has, and that each alert says what to do.
package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"example.com/cnat-operator/controllers/at"
	_ "example.com/cnat-operator/controllers/database" // registers its metrics
)

// registered are the names of all metrics of the operator, whether or not they
// have a value yet.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	if err := at.RegisterMetrics(nil); err != nil {
		t.Fatal(err)
	}
	collector, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatal("the registry does not describe itself")
	}
	descs := make(chan *prometheus.Desc)
	go func() { collector.Describe(descs); close(descs) }()
	// Prometheus' own, and the API server's.
	names := map[string]bool{"up": true, "aggregator_unavailable_apiservice": true}
	for desc := range descs {
		// A Desc gives its name only so.
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			names[name+suffix] = true
		}
	}
	return names
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	matchers = regexp.MustCompile(`\{[^}]*\}`)
	windows  = regexp.MustCompile(`\[[^]]*\]`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring)\s*\([^)]*\)`)
	word     = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*`)
	function = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*\s*\(`)
	operator = regexp.MustCompile(`\b(and|or|unless|offset|bool)\b`)
)

// metricsOf are the metrics that an expression asks for: what is left of it
// without labels, windows, functions and operators.
func metricsOf(expression string) []string {
	for _, other := range []*regexp.Regexp{quoted, matchers, windows, grouping, function, operator} {
		expression = other.ReplaceAllString(expression, " ")
	}
	return word.FindAllString(expression, -1)
}

func TestMetricsOf(t *testing.T) {
	got := metricsOf(`histogram_quantile(0.99, sum by (le, x) (rate(a_seconds_bucket{job="b_c"}[5m]))) > 5 or max(d) - time()`)
	if strings.Join(got, " ") != "a_seconds_bucket d" {
		t.Errorf("got %q", got)
	}
}

func check(t *testing.T, where, expression string, names map[string]bool) {
	t.Helper()
	asked := metricsOf(expression)
	if len(asked) == 0 {
		t.Errorf("%s asks for no metric: %s", where, expression)
	}
	for _, name := range asked {
		if !names[name] {
			t.Errorf("%s asks for %s, which the operator does not have", where, name)
		}
	}
}

func TestAlerts(t *testing.T) {
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Expr         string
					Labels, Annotations map[string]string
				}
			}
		}
	}
	read(t, "../../config/prometheus/rules.yaml", &rules)
	runbooks, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	names := registered(t)
	alerts := 0
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			alerts++
			check(t, rule.Alert, rule.Expr, names)
			if !strings.Contains(string(runbooks), "\n### "+rule.Alert+"\n") {
				t.Errorf("docs/runbooks.md has no entry for %s", rule.Alert)
			}
			if want := "/docs/runbooks.md#" + strings.ToLower(rule.Alert); !strings.HasSuffix(rule.Annotations["runbook_url"], want) {
				t.Errorf("%s links to %q, not to %s", rule.Alert, rule.Annotations["runbook_url"], want)
			}
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
			}
		}
	}
	if entries := strings.Count(string(runbooks), "\n### Cnat"); alerts == 0 || alerts != entries {
		t.Errorf("%d alerts, %d entries of alerts in docs/runbooks.md", alerts, entries)
	}
}

func TestDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read(t, "../../config/grafana/cnat-operator.json", &dashboard)
	names := registered(t)
	asked := map[string]bool{}
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			check(t, panel.Title, target.Expr, names)
			for _, name := range metricsOf(target.Expr) {
				asked[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
			}
		}
	}
	for name := range names {
		if strings.HasPrefix(name, "cnat_") && !asked[name] &&
			!strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(text, into)
	} else {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
