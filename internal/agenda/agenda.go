// Package agenda computes what runs when: the coming runs of Ats, CronTabs and the cluster's CronJobs. It is pure.
package agenda

import (
	"cmp"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

// Objects are what runs are computed from.
type Objects struct {
	Ats      []cnatv1alpha1.At
	CronTabs []crontabv1.CronTab
	CronJobs []batchv1.CronJob
}

// Run is one coming run.
type Run struct {
	// When is the time that it starts at.
	When time.Time
	// Kind, Namespace and Name are those of the object that the user made.
	Kind, Namespace, Name string
	// Zone is the time zone of its schedule; "" is that of an instant, which has none.
	Zone string
	// Note says what a change of clocks has to do with it, or why it does not start.
	Note string
	// Last is how the last run ended; "" where there was none.
	Last string
	// LastLength is how long the last run took; 0 where that is not known.
	LastLength time.Duration
}

// mostOfOne bounds how many runs of one object are listed: "* * * * *" has 1,440 a day.
const mostOfOne = 10_000

// Coming are the runs after an instant, and not after another, in order. What is suspended has none.
func Coming(objects Objects, after, until time.Time) []Run {
	var runs []Run
	last := lastRuns(objects.Ats)
	for i := range objects.Ats {
		at := &objects.Ats[i]
		due := at.DueTime()
		waits := at.Status.JobUID == "" && !at.Status.Finished() && !ptr.Deref(at.Spec.Suspend, false) &&
			!ptr.Deref(at.Spec.Cancel, false) && at.DeletionTimestamp == nil
		if waits && Owner(at) == nil && due.After(after) && !due.After(until) {
			runs = append(runs, Run{When: due.Time, Kind: "At", Namespace: at.Namespace, Name: at.Name})
		}
	}
	for i := range objects.CronTabs {
		tab := &objects.CronTabs[i]
		runs = append(runs, ofCronTab(tab, last[tab.UID], skipped(tab, objects.Ats), after, until)...)
	}
	for i := range objects.CronJobs {
		runs = append(runs, ofCronJob(&objects.CronJobs[i], after, until)...)
	}
	slices.SortStableFunc(runs, func(a, b Run) int {
		return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return runs
}

// Owner is the CronTab that an At is a run of; nil where it is none.
func Owner(at *cnatv1alpha1.At) *metav1.OwnerReference {
	if controller := metav1.GetControllerOf(at); controller != nil && controller.Kind == "CronTab" {
		return controller
	}
	return nil
}

func ofCronTab(tab *crontabv1.CronTab, last *cnatv1alpha1.At, skipped, after, until time.Time) []Run {
	calendar, err := schedule.Of(tab)
	if err != nil || ptr.Deref(tab.Spec.Suspend, false) || tab.DeletionTimestamp != nil {
		return nil
	}
	var runs []Run
	zone := cmp.Or(tab.Spec.TimeZone, "UTC")
	for from := after.Add(-calendar.Spread); len(runs) < mostOfOne; {
		next, found := calendar.Next(from)
		if !found || next.At.After(until) {
			break
		}
		from = next.Scheduled
		if next.Scheduled.Equal(skipped) {
			continue
		}
		run := Run{When: next.At, Kind: "CronTab", Namespace: tab.Namespace, Name: tab.Name, Zone: zone, Note: calendar.Note(next)}
		if last != nil {
			run.Last = string(last.Status.Phase)
			if last.Status.StartTime != nil && last.Status.CompletionTime != nil {
				run.LastLength = last.Status.CompletionTime.Sub(last.Status.StartTime.Time)
			}
		}
		runs = append(runs, run)
	}
	return runs
}

// ofCronJob are a CronJob's runs by the library that its controller uses; its times are UTC where it names no zone.
func ofCronJob(job *batchv1.CronJob, after, until time.Time) []Run {
	zone := ptr.Deref(job.Spec.TimeZone, "UTC")
	location, err := schedule.LoadLocation(zone)
	if err != nil || ptr.Deref(job.Spec.Suspend, false) || job.DeletionTimestamp != nil {
		return nil
	}
	times, err := cron.ParseStandard(job.Spec.Schedule)
	if err != nil {
		return nil
	}
	var runs []Run
	for from := after.In(location); len(runs) < mostOfOne; {
		next := times.Next(from)
		if next.IsZero() || next.After(until) {
			break
		}
		from = next
		run := Run{When: next, Kind: "CronJob", Namespace: job.Namespace, Name: job.Name, Zone: zone}
		if success := job.Status.LastSuccessfulTime; success != nil {
			run.Last = "Succeeded"
			if scheduled := job.Status.LastScheduleTime; scheduled != nil && scheduled.After(success.Time) {
				run.Last = "" // that of the last one is not known
			}
		}
		runs = append(runs, run)
	}
	return runs
}

// lastRuns are the runs of each CronTab that ended last, by its UID.
func lastRuns(ats []cnatv1alpha1.At) map[types.UID]*cnatv1alpha1.At {
	last := map[types.UID]*cnatv1alpha1.At{}
	for i := range ats {
		at := &ats[i]
		of := Owner(at)
		if of == nil || !at.Status.Finished() || at.Status.CompletionTime == nil {
			continue
		}
		if before := last[of.UID]; before == nil || before.Status.CompletionTime.Before(at.Status.CompletionTime) {
			last[of.UID] = at
		}
	}
	return last
}

// skipped is the scheduled time of a CronTab whose run its user cancelled; zero where there is none.
func skipped(tab *crontabv1.CronTab, ats []cnatv1alpha1.At) time.Time {
	next := tab.Status.Next
	for i := range ats {
		if next != nil && ats[i].UID == next.UID && ptr.Deref(ats[i].Spec.Cancel, false) {
			return next.ScheduledTime.Time
		}
	}
	return time.Time{}
}
