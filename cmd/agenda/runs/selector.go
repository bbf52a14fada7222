package runs

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/selection"

	"example.com/cnat-operator/internal/agenda"
)

const (
	defaultSpan = 24 * time.Hour
	longestSpan = 366 * 24 * time.Hour

	fieldName  = "metadata.name"
	fieldUntil = "until"
)

// known are the fields that runs can be selected by.
var known = []string{fieldName, "metadata.namespace", "spec.kind", "spec.name", fieldUntil}

// CheckField refuses fields that runs can't be selected by, and names those that they can.
func CheckField(label, value string) (string, string, error) {
	for _, field := range known {
		if field == label {
			return label, value, nil
		}
	}
	return "", "", fmt.Errorf("field %q is not known: runs are selected by %s", label, strings.Join(known, ", "))
}

// endOf is the end of the span that a selector asks for, by a time (RFC 3339) or a duration; by default 24 h from now.
func endOf(selector fields.Selector, now time.Time) (time.Time, error) {
	end := now.Add(defaultSpan)
	for _, requirement := range selector.Requirements() {
		if _, _, err := CheckField(requirement.Field, ""); err != nil {
			return end, err
		}
		if requirement.Field != fieldUntil {
			continue
		}
		if requirement.Operator == selection.NotEquals {
			return end, fmt.Errorf("until takes =, not !=")
		}
		if span, err := time.ParseDuration(requirement.Value); err == nil {
			end = now.Add(span)
		} else if end, err = time.Parse(time.RFC3339, requirement.Value); err != nil {
			return end, fmt.Errorf("until=%q is no duration, as 72h, and no time, as 2026-01-02T15:04:05Z", requirement.Value)
		}
	}
	if !end.After(now) || end.Sub(now) > longestSpan {
		return end, fmt.Errorf("until must be in the next %s", longestSpan)
	}
	return end, nil
}

// wanted is what a request wants to see, as far as its user may.
type wanted struct {
	selector fields.Selector
	sees     func(kind, namespace string) (bool, error)
	err      error
}

// object says whether an object's runs are wanted. Where it is not known what the user may see, they are not, and err is
// set.
func (w *wanted) object(kind, namespace, name string) bool {
	selected := matches(w.selector, fields.Set{
		"metadata.namespace": namespace, "spec.kind": kind, "spec.name": name,
	})
	if !selected || w.err != nil {
		return false
	}
	sees, err := w.sees(kind, namespace)
	w.err = err
	return sees && err == nil
}

// run says whether a run of such an object is wanted.
func (w *wanted) run(run *agenda.Run) bool {
	return matches(w.selector, fields.Set{fieldName: nameOf(run)})
}

// matches says whether a selector selects what has some of the fields; it says nothing of the others.
func matches(selector fields.Selector, values fields.Set) bool {
	for _, requirement := range selector.Requirements() {
		value, has := values[requirement.Field]
		if has && (value == requirement.Value) == (requirement.Operator == selection.NotEquals) {
			return false
		}
	}
	return true
}
