package crontab

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

// What comes due after the CronTab is resumed is not lost where the operator learns late of that, as in a failover.
func TestResumedUnseen(t *testing.T) {
	fields := func(manager, fields string, at time.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &metav1.Time{Time: at},
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	other := fields("other", `{"f:spec":{"f:cronSpec":{}}}`, day("12:05:20"))
	for name, test := range map[string]struct {
		suspend *bool
		fields  []metav1.ManagedFieldsEntry
		ran     []string
	}{
		"it is known when": {
			suspend: ptr.To(false), ran: []string{"12:04", "12:05", "12:06"},
			fields: []metav1.ManagedFieldsEntry{fields("a", `{"f:spec":{"f:suspend":{}}}`, day("12:03:30")), other},
		},
		"the last of several counts": {
			suspend: ptr.To(false), ran: []string{"12:05", "12:06"},
			fields: []metav1.ManagedFieldsEntry{
				fields("a", `{"f:spec":{"f:suspend":{}}}`, day("12:03:30")), fields("b", `{"f:spec":{"f:suspend":{}}}`, day("12:04:10")),
				fields("c", `{"f:spec":{"f:suspend":{}}}`, day("12:03:50")),
			},
		},
		"by a clock that is ahead": {
			suspend: ptr.To(false), ran: []string{"12:06"},
			fields: []metav1.ManagedFieldsEntry{fields("a", `{"f:spec":{"f:suspend":{}}}`, day("12:07:30"))},
		},
		"before it was seen to be suspended": {
			suspend: ptr.To(false), ran: []string{"12:03", "12:04", "12:05", "12:06"},
			fields: []metav1.ManagedFieldsEntry{fields("a", `{"f:spec":{"f:suspend":{}}}`, day("12:00:30"))},
		},
		"the field is removed":   {fields: []metav1.ManagedFieldsEntry{other}, ran: []string{"12:06"}},
		"what is kept is broken": {suspend: ptr.To(false), fields: []metav1.ManagedFieldsEntry{fields("a", `{"f:spec":{"wrong":{}}}`, day("12:03:30"))}, ran: []string{"12:06"}},
	} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", CatchUp: v1.CatchUpAll, RunSpec: v1.RunSpec{Image: "i"}})
		w.advance("12:00:40")
		w.edit(w.tab(), func(o client.Object) { o.(*v1.CronTab).Spec.Suspend = ptr.To(true) })
		w.Now = day("12:02:30")
		w.settle()
		w.Now, w.suspended = day("12:05:30"), time.Time{}
		w.edit(w.tab(), func(o client.Object) {
			o.(*v1.CronTab).Spec.Suspend, o.(*v1.CronTab).ManagedFields = test.suspend, test.fields
			o.(*v1.CronTab).Annotations = map[string]string{annotationResumed: "2020-01-01T00:00:00Z"} // forged
		})
		w.advance("12:06:10")
		if got := w.ran(); !slices.Equal(got, test.ran) || len(w.violations) > 0 {
			t.Errorf("%s: %v have started; %v", name, got, w.violations)
		}
	}
}
