package agenda

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

var now = time.Date(2027, 10, 30, 22, 0, 0, 0, time.UTC)

func at(name string, after time.Duration, change func(*cnatv1.At)) cnatv1.At {
	at := cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, UID: types.UID(name)}}
	at.Spec.Schedule = &metav1.Time{Time: now.Add(after)}
	if change != nil {
		change(&at)
	}
	return at
}

func tab(name, expression, zone string) crontabv1.CronTab {
	tab := crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Name: name, UID: types.UID(name)}}
	tab.Spec.CronSpec, tab.Spec.TimeZone = expression, zone
	return tab
}

func job(name, expression string, zone *string) batchv1.CronJob {
	job := batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "c", Name: name}}
	job.Spec.Schedule, job.Spec.TimeZone = expression, zone
	return job
}

func of(tab string) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		at.OwnerReferences = []metav1.OwnerReference{{Kind: "CronTab", Name: tab, UID: types.UID(tab), Controller: ptr.To(true)}}
	}
}

func ended(tab string, phase cnatv1.AtPhase, ago, took time.Duration) func(*cnatv1.At) {
	return func(at *cnatv1.At) {
		of(tab)(at)
		at.Status = cnatv1.AtStatus{
			Phase: phase, JobUID: "job", StartTime: &metav1.Time{Time: now.Add(-ago - took)},
			CompletionTime: &metav1.Time{Time: now.Add(-ago)},
		}
	}
}

func TestComing(t *testing.T) {
	skipping, suspended, spread := tab("skipping", "0 * * * *", ""), tab("suspended", "* * * * *", ""), tab("spread", "30 1 * * *", "Europe/Berlin")
	skipping.Status.Next = &crontabv1.ScheduledRun{UID: "skipped", ScheduledTime: &metav1.Time{Time: now.Add(time.Hour)}}
	suspended.Spec.Suspend = ptr.To(true)
	spread.Spec.SpreadSeconds = ptr.To[int32](3600)
	objects := Objects{
		Ats: []cnatv1.At{
			at("soon", time.Minute, nil), at("past", 0, nil), at("far", 5*time.Hour, nil),
			at("suspended", time.Minute, func(at *cnatv1.At) { at.Spec.Suspend = ptr.To(true) }),
			at("cancelled", time.Minute, func(at *cnatv1.At) { at.Spec.Cancel = ptr.To(true) }),
			at("started", time.Minute, func(at *cnatv1.At) { at.Status.JobUID = "job" }),
			at("missed", time.Minute, func(at *cnatv1.At) { at.Status.Phase = cnatv1.AtMissed }),
			at("skipped", time.Hour, func(at *cnatv1.At) { of("skipping")(at); at.Spec.Cancel = ptr.To(true) }),
			at("before", 0, ended("skipping", cnatv1.AtSucceeded, 2*time.Hour, time.Minute)),
			at("last", 0, ended("skipping", cnatv1.AtFailed, time.Hour, 5*time.Minute)),
		},
		CronTabs: []crontabv1.CronTab{
			skipping, suspended, spread, tab("broken", "* * *", ""), tab("changes", "30 2 * * *", "Europe/Berlin"),
		},
		CronJobs: []batchv1.CronJob{
			job("utc", "15 */2 * * *", nil), job("zone", "30 2 * * *", ptr.To("Europe/Berlin")), job("broken", "* *", nil),
			job("nowhere", "* * * * *", ptr.To("Nowhere")),
		},
	}
	var runs []string
	for _, run := range Coming(objects, now, now.Add(4*time.Hour)) {
		line := run.When.UTC().Format("15:04") + " " + run.Kind + " " + run.Namespace + "/" + run.Name
		if run.Name == "spread" { // its own minute of the hour
			if run.When.Before(now.Add(90*time.Minute)) || run.When.After(now.Add(150*time.Minute)) {
				t.Errorf("%+v", run)
			}
			continue
		}
		if run.Zone != "" {
			line += " " + run.Zone
		}
		if run.Last != "" {
			line += fmt.Sprintf(" %s %s", run.Last, run.LastLength)
		}
		if run.Note != "" {
			line += ": " + run.Note
		}
		runs = append(runs, line)
	}
	expected := []string{
		"22:01 At a/soon",
		"22:15 CronJob c/utc UTC",
		"00:00 CronTab b/skipping UTC Failed 5m0s",
		"00:15 CronJob c/utc UTC",
		"00:30 CronTab b/changes Europe/Berlin: 02:30 occurs twice: it runs the first time",
		"00:30 CronJob c/zone Europe/Berlin",
		"01:00 CronTab b/skipping UTC Failed 5m0s",
		"01:30 CronJob c/zone Europe/Berlin", // a CronJob's fault
		"02:00 CronTab b/skipping UTC Failed 5m0s",
	}
	if !reflect.DeepEqual(runs, expected) {
		t.Errorf("%q, not %q", runs, expected)
	}
}

// A tenant's CronTab of each minute does not fill the memory, however far the agenda looks.
func TestComingIsBounded(t *testing.T) {
	objects := Objects{CronTabs: []crontabv1.CronTab{tab("minutely", "* * * * *", "")}, CronJobs: []batchv1.CronJob{job("minutely", "* * * * *", nil)}}
	if runs := Coming(objects, now, now.AddDate(1, 0, 0)); len(runs) != 2*mostOfOne {
		t.Errorf("%d runs", len(runs))
	}
}
