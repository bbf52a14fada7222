package monitoring

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"example.com/cnat-operator/controllers/at"
	"example.com/cnat-operator/controllers/database"
)

// exported are those metrics of postgres_exporter that alerts and dashboards ask for. That it has them is what
// `make e2e-monitoring` shows.
var exported = []string{
	"pg_up", "pg_database_size_bytes", "pg_stat_activity_count", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback",
	"pg_stat_database_tup_inserted", "pg_stat_database_tup_updated", "pg_stat_database_tup_deleted",
	"pg_stat_database_blks_hit", "pg_stat_database_blks_read",
}

// registered are the names of all metrics of the operator, whether or not they
// have a value yet, and of what is beside it.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	if err := errors.Join(at.RegisterMetrics(nil), database.RegisterMetrics(nil)); err != nil {
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
	for _, name := range exported {
		names[name] = true
	}
	return names
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	matchers = regexp.MustCompile(`\{[^}]*\}`)
	times    = regexp.MustCompile(`\[[^]]*\]|offset [0-9]+m`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring)\s*\([^)]*\)`)
	word     = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*`)
	function = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*\s*\(`)
	operator = regexp.MustCompile(`\b(and|or|unless|bool)\b`)
)

// metricsOf are the metrics that an expression asks for: what is left of it
// without labels, windows, functions and operators.
func metricsOf(expression string) []string {
	for _, other := range []*regexp.Regexp{quoted, matchers, times, grouping, function, operator} {
		expression = other.ReplaceAllString(expression, " ")
	}
	return word.FindAllString(expression, -1)
}

func TestMetricsOf(t *testing.T) {
	got := metricsOf(`histogram_quantile(0.99, sum by (le, x) (rate(a_seconds_bucket{job="b_c"}[5m]))) > 5 or max(d unless e offset 15m) - time()`)
	if strings.Join(got, " ") != "a_seconds_bucket d e" {
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

const rulesFile, runbooksFile = "../../config/prometheus/rules.yaml", "../../docs/runbooks.md"

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAlerts(t *testing.T) {
	rules, err := ParseRules(read(t, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	runbooks := string(read(t, runbooksFile))
	names := registered(t)
	alerts := rules.All()
	for _, rule := range alerts {
		check(t, rule.Alert, rule.Expr, names)
		if _, err := Commands(runbooks, rule.Alert, nil); err != nil && !strings.Contains(err.Error(), "asks for") {
			t.Error(err)
		}
		if want := "/docs/runbooks.md#" + strings.ToLower(rule.Alert); !strings.HasSuffix(rule.Annotations["runbook_url"], want) {
			t.Errorf("%s links to %q, not to %s", rule.Alert, rule.Annotations["runbook_url"], want)
		}
		if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
		}
	}
	if entries := strings.Count(runbooks, "\n### Cnat"); len(alerts) == 0 || len(alerts) != entries {
		t.Errorf("%d alerts, %d entries of alerts in docs/runbooks.md", len(alerts), entries)
	}
}

func TestDashboards(t *testing.T) {
	names := registered(t)
	asked := map[string]bool{}
	for _, file := range []string{"cnat-operator.json", "cnat-databases.json"} {
		dashboard, err := ReadDashboard("../../config/grafana/" + file)
		if err != nil || len(dashboard.Panels) == 0 {
			t.Fatalf("%s: %v", file, err)
		}
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
	}
	for name := range names {
		if strings.HasPrefix(name, "cnat_") && !asked[name] &&
			!strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			t.Errorf("no panel shows %s", name)
		}
	}
}
