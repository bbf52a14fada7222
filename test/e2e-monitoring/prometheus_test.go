package e2emonitoring

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/onsi/ginkgo/v2"

	"example.com/cnat-operator/test/monitoring"
)

// server is one that is asked through the API server.
type server struct{ pod, port string }

var (
	prometheus   = server{"prometheus-prometheus-0", "9090"}
	alertmanager = server{"alertmanager-alertmanager-0", "9093"}
)

// get gives the text of a page.
func get(ctx SpecContext, from server, path string, parameters map[string]string) (string, error) {
	text, err := clientset.CoreV1().Pods(monitoringNamespace).ProxyGet("http", from.pod, from.port, path, parameters).DoRaw(ctx)
	return string(text), err
}

// read reads an answer in JSON.
func read(ctx SpecContext, from server, path string, parameters map[string]string, into any) error {
	text, err := get(ctx, from, path, parameters)
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", path, parameters, err, text)
	}
	return json.Unmarshal([]byte(text), into)
}

// loadedRules is how many rules Prometheus has with the shortened waits.
func loadedRules(ctx SpecContext) (int, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Name  string
				Rules []struct{ Duration float64 }
			}
		}
	}
	if err := read(ctx, prometheus, "/api/v1/rules", nil, &answer); err != nil {
		return 0, err
	}
	count := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			if group.Name == "cnat-operator" && rule.Duration <= 5 {
				count++
			}
		}
	}
	return count, nil
}

// target is what Prometheus reads metrics from.
type target struct {
	Labels                       map[string]string
	Health, ScrapeURL, LastError string
}

func targets(ctx SpecContext) ([]target, error) {
	var answer struct {
		Data struct{ ActiveTargets []target }
	}
	err := read(ctx, prometheus, "/api/v1/targets", map[string]string{"state": "active"}, &answer)
	return answer.Data.ActiveTargets, err
}

// queryRange is what a query gave from the beginning of the tests until now.
func queryRange(ctx SpecContext, of monitoring.Target, to time.Time) ([]monitoring.Series, error) {
	const step = 5
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	err := read(ctx, prometheus, "/api/v1/query_range", map[string]string{
		"query": of.Query("1m"), "step": strconv.Itoa(step),
		"start": strconv.FormatInt(beginning.Unix(), 10), "end": strconv.FormatInt(to.Unix(), 10),
	}, &answer)
	if err != nil {
		return nil, err
	}
	var all []monitoring.Series
	for _, result := range answer.Data.Result {
		series := monitoring.Series{Name: of.Legend(result.Metric)}
		for _, pair := range result.Values {
			seconds, isTime := pair[0].(float64)
			text, isText := pair[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if !isTime || !isText || err != nil {
				return nil, fmt.Errorf("%s: a value is %v", of.Expr, pair)
			}
			series.Points = append(series.Points, monitoring.Point{When: time.UnixMilli(int64(seconds * 1000)), Value: value})
		}
		all = append(all, series)
	}
	return all, nil
}

// hasNumbers reports whether a series has something to show.
func hasNumbers(series []monitoring.Series) bool {
	for _, one := range series {
		for _, point := range one.Points {
			if !math.IsNaN(point.Value) {
				return true
			}
		}
	}
	return false
}

// firing reports whether Alertmanager has an alert, with these labels, as active. One that is resolved it does not list.
func firing(ctx SpecContext, alert string, labels map[string]string) (bool, error) {
	var alerts []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	if err := read(ctx, alertmanager, "/api/v2/alerts", map[string]string{"filter": fmt.Sprintf("alertname=%q", alert)}, &alerts); err != nil {
		return false, err
	}
	for _, one := range alerts {
		matches := one.Status.State == "active" || one.Status.State == "unprocessed"
		for name, value := range labels {
			matches = matches && one.Labels[name] == value
		}
		if matches {
			return true, nil
		}
	}
	return false, nil
}

// What was seen.
var fired, resolved = map[string]bool{}, map[string]bool{}

// fires waits until an alert fires.
func fires(ctx SpecContext, alert string, labels map[string]string) {
	GinkgoHelper()
	Eventually(ctx, func() (bool, error) { return firing(ctx, alert, labels) }).Should(BeTrue(), "%s %v does not fire", alert, labels)
	fired[alert] = true
	fmt.Printf("  %s  fires: %s %v\n", time.Now().UTC().Format(time.TimeOnly), alert, labels)
}

// fix runs the commands of an alert's entry in the runbooks.
func fix(ctx SpecContext, alert string, values map[string]string) {
	GinkgoHelper()
	commands, err := monitoring.Commands(runbooks, alert, values)
	Expect(err).NotTo(HaveOccurred())
	mustRun(ctx, "", commands)
}

// isResolved waits until an alert that fired does not any more.
func isResolved(ctx SpecContext, alert string, labels map[string]string) {
	GinkgoHelper()
	Expect(fired).To(HaveKey(alert))
	Eventually(ctx, func() (bool, error) { return firing(ctx, alert, labels) }).Should(BeFalse(), "%s %v is not resolved", alert, labels)
	resolved[alert] = true
	fmt.Printf("  %s  is resolved: %s %v\n", time.Now().UTC().Format(time.TimeOnly), alert, labels)
}
