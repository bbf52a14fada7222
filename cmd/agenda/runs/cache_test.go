package runs

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/agenda"
	"example.com/cnat-operator/internal/testenv"
)

// What the cache keeps is small, and has the same runs.
func TestSlimKeepsTheRuns(t *testing.T) {
	fat := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: "ns", Name: name, UID: "uid-of-the-tab", Annotations: map[string]string{"a": string(make([]byte, 100_000))},
			ManagedFields: []metav1.ManagedFieldsEntry{{FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}},
		}
	}
	template, due := testenv.FullTemplate(), metav1.NewTime(now.Add(time.Hour))
	template.Annotations = fat("").Annotations
	tab := &crontabv1.CronTab{ObjectMeta: fat("tab"), Spec: crontabv1.CronTabSpec{
		CronSpec: "0 * * * *", TimeZone: "Europe/Berlin", SpreadSeconds: ptr.To[int32](600),
		RunSpec: crontabv1.RunSpec{Run: runv1.Run{Template: template, Containers: template.Spec.Containers, Command: string(make([]byte, 60_000))}},
	}}
	waits := &cnatv1.At{ObjectMeta: fat("at"), Spec: cnatv1.AtSpec{Schedule: &due, Run: runv1.Run{Template: template}}}
	ended := &cnatv1.At{ObjectMeta: fat("ended"), Spec: waits.Spec}
	ended.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(tab, crontabv1.GroupVersion.WithKind("CronTab"))}
	ended.Status = cnatv1.AtStatus{
		Phase: cnatv1.AtFailed, JobUID: "job", StartTime: ptr.To(metav1.NewTime(now.Add(-time.Hour))),
		CompletionTime: ptr.To(metav1.NewTime(now)),
	}
	job := &batchv1.CronJob{ObjectMeta: fat("job"), Spec: batchv1.CronJobSpec{
		Schedule: "30 * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: *template}},
	}}
	coming := func() []agenda.Run {
		return agenda.Coming(agenda.Objects{
			Ats: []cnatv1.At{*waits, *ended}, CronTabs: []crontabv1.CronTab{*tab}, CronJobs: []batchv1.CronJob{*job},
		}, now, now.Add(3*time.Hour))
	}
	before := coming()
	for _, object := range []any{waits, ended, tab, job} {
		if _, err := slim(object); err != nil {
			t.Fatal(err)
		}
		if left, err := json.Marshal(object); err != nil || len(left) > 1500 {
			t.Errorf("%d bytes of a %T are left, %v", len(left), object, err)
		}
	}
	if after := coming(); len(before) != 7 || !slices.Equal(before, after) {
		t.Errorf("before:\n%v\nafter:\n%v", before, after)
	}
}
