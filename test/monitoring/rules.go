// Package monitoring has what the tests of alerts and dashboards share: the rules with short waits, the commands of the
// runbooks, the panels and how they are drawn. Its own tests check, without a cluster, that alerts and dashboards ask for
// metrics that there are, and that each alert has an entry in the runbooks.
package monitoring

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"sigs.k8s.io/yaml"
)

// Rule is an alert of config/prometheus/rules.yaml.
type Rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

// PrometheusRule is that file.
type PrometheusRule struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		Groups []struct {
			Name  string
			Rules []Rule
		}
	}
}

// ParseRules reads the file.
func ParseRules(text []byte) (*PrometheusRule, error) {
	rules := &PrometheusRule{}
	if err := yaml.UnmarshalStrict(text, rules); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return rules, nil
}

// All are the alerts of all groups.
func (r *PrometheusRule) All() []Rule {
	var all []Rule
	for _, group := range r.Spec.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// ShortFor is in the place of each wait in shortened rules, and a window is a tenth of what it was.
const ShortFor = "5s"

var (
	waits   = regexp.MustCompile(`(?m)^( +for: )[0-9]+[mh]$`)
	windows = regexp.MustCompile(`(\[|offset )([0-9]+)m\b`)
)

// Shortened is the text of the rules with short waits and windows, so that a test sees each alert fire and resolved.
// Nothing else changes, which is checked by what both texts are read as.
func Shortened(text []byte) ([]byte, error) {
	shorter := waits.ReplaceAll(text, []byte("${1}"+ShortFor))
	shorter = windows.ReplaceAllFunc(shorter, func(window []byte) []byte {
		parts := windows.FindSubmatch(window)
		minutes, err := strconv.Atoi(string(parts[2]))
		if err != nil {
			return window
		}
		return fmt.Appendf(nil, "%s%ds", parts[1], minutes*6)
	})
	return shorter, onlyShorter(text, shorter)
}

// duration is a time in an expression.
var duration = regexp.MustCompile(`\b[0-9]+[smhd]\b`)

// onlyShorter reports what two texts of rules differ in beside waits and windows.
func onlyShorter(before, after []byte) error {
	var texts [2]*PrometheusRule
	for i, text := range [][]byte{before, after} {
		rules, err := ParseRules(text)
		if err != nil {
			return err
		}
		for g := range rules.Spec.Groups {
			for r := range rules.Spec.Groups[g].Rules {
				rule := &rules.Spec.Groups[g].Rules[r]
				if rule.For != "" {
					rule.For = "some time"
				}
				rule.Expr = duration.ReplaceAllString(rule.Expr, "some time")
			}
		}
		texts[i] = rules
	}
	if !reflect.DeepEqual(texts[0], texts[1]) {
		return errors.New("the shortened rules differ from the rules in more than waits and windows")
	}
	return nil
}
