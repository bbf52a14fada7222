package at

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// fieldsSet makes an At one of which somebody set fields at a time.
func fieldsSet(fields string, moment time.Time) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		at.ManagedFields = append(at.ManagedFields, metav1.ManagedFieldsEntry{
			Time: &metav1.Time{Time: moment.Truncate(time.Second)}, FieldsV1: metav1.NewFieldsV1(fields),
		})
	}
}

// Lateness counts from when the At was edited, also if no operator saw it then; to the second, and never more than it is.
func TestEligibleSinceTheEdit(t *testing.T) {
	now := due.Add(10 * time.Minute)
	spec, meta := `{"f:spec":{"f:schedule":{}}}`, `{"f:metadata":{"f:labels":{}}}`
	for name, test := range map[string]struct {
		at   *cnatv1.At
		want *time.Time // nil: it was not edited
	}{
		"new":                             {newAt(fieldsSet(spec, due)), nil},
		"observed":                        {newAt(edited, observed, fieldsSet(spec, due)), nil},
		"edited while no leader ran":      {newAt(observed, edited, fieldsSet(spec, due)), ptr.To(due.Add(time.Second))},
		"edited twice":                    {newAt(observed, edited, fieldsSet(spec, due.Add(time.Minute)), fieldsSet(spec, due)), ptr.To(due.Add(61 * time.Second))},
		"edited before it was ever seen":  {newAt(edited, fieldsSet(spec, due)), ptr.To(due.Add(time.Second))},
		"edited this very second":         {newAt(observed, edited, fieldsSet(spec, now)), &now},
		"edited, and labelled later":      {newAt(observed, edited, fieldsSet(spec, due), fieldsSet(meta, now.Add(-time.Minute))), ptr.To(due.Add(time.Second))},
		"edited, and the cache says this": {newAt(observed, edited), &now},
	} {
		got := eligible(test.at, observation{now: now, step: stepRecord})
		if (got == nil) != (test.want == nil) || got != nil && !got.Time.Equal(*test.want) {
			t.Errorf("%s: eligible since %v, want %v", name, got, test.want)
		}
	}
}
