// Package agenda computes what runs when: the coming runs of Ats, CronTabs and the cluster's CronJobs. It is pure.
package agenda

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

// Objects are what runs are computed from.
type Objects struct {
	Ats      []cnatv1.At
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
	return slices.Collect(Each(objects, after, until, func(_, _, _ string) bool { return true }))
}

// Each yields the same runs one after another, of those objects only that are wanted by their kind, namespace and name.
// It computes no run before it is asked for it, and can be ranged over once.
func Each(objects Objects, after, until time.Time, wanted func(kind, namespace, name string) bool) iter.Seq[Run] {
	var sources queue
	add := func(next func() (Run, bool)) {
		if first, found := next(); found {
			sources = append(sources, source{first, next})
		}
	}
	for i := range objects.Ats {
		at := &objects.Ats[i]
		if Owner(at) == nil && wanted("At", at.Namespace, at.Name) {
			add(bounded(ofAt(at, after), until, 1))
		}
	}
	last, cancelled := lastRuns(objects.Ats), cancelledAts(objects.Ats)
	for i := range objects.CronTabs {
		tab := &objects.CronTabs[i]
		if wanted("CronTab", tab.Namespace, tab.Name) {
			add(bounded(ofCronTab(tab, last[tab.UID], skipped(tab, cancelled), after), until, mostOfOne))
		}
	}
	for i := range objects.CronJobs {
		job := &objects.CronJobs[i]
		if wanted("CronJob", job.Namespace, job.Name) {
			add(bounded(ofCronJob(job, after), until, mostOfOne))
		}
	}
	return sources.inOrder
}

// bounded are the runs of one object until an instant, and not more than a number of them.
func bounded(next func() (Run, bool), until time.Time, most int) func() (Run, bool) {
	yielded := 0
	return func() (Run, bool) {
		if yielded == most {
			return Run{}, false
		}
		yielded++
		run, found := next()
		return run, found && !run.When.After(until)
	}
}

func none() (Run, bool) { return Run{}, false }

// ofAt is the run of an At that waits for its time.
func ofAt(at *cnatv1.At, after time.Time) func() (Run, bool) {
	waits := at.Status.JobUID == "" && !at.Status.Finished() && !ptr.Deref(at.Spec.Suspend, false) &&
		!ptr.Deref(at.Spec.Cancel, false) && at.DeletionTimestamp == nil
	due := at.DueTime()
	return func() (Run, bool) {
		return Run{When: due.Time, Kind: "At", Namespace: at.Namespace, Name: at.Name}, waits && due.After(after)
	}
}

// Owner is the CronTab that an At is a run of; nil where it is none.
func Owner(at *cnatv1.At) *metav1.OwnerReference {
	if controller := metav1.GetControllerOf(at); controller != nil && controller.Kind == "CronTab" {
		return controller
	}
	return nil
}

// ofCronTab are a CronTab's runs, but for the one that its user skips.
func ofCronTab(tab *crontabv1.CronTab, last *cnatv1.At, skipped, after time.Time) func() (Run, bool) {
	calendar, err := schedule.Of(tab)
	if err != nil || ptr.Deref(tab.Spec.Suspend, false) || tab.DeletionTimestamp != nil {
		return none
	}
	run := Run{Kind: "CronTab", Namespace: tab.Namespace, Name: tab.Name, Zone: cmp.Or(tab.Spec.TimeZone, "UTC")}
	if last != nil {
		run.Last = string(last.Status.Phase)
		if last.Status.StartTime != nil && last.Status.CompletionTime != nil {
			run.LastLength = last.Status.CompletionTime.Sub(last.Status.StartTime.Time)
		}
	}
	from := after.Add(-calendar.Spread)
	return func() (Run, bool) {
		next, found := calendar.Next(from)
		if found && next.Scheduled.Equal(skipped) {
			next, found = calendar.Next(next.Scheduled)
		}
		from, run.When = next.Scheduled, next.At
		if found {
			run.Note = calendar.Note(next)
		}
		return run, found
	}
}

// ofCronJob are a CronJob's runs by the library that its controller uses; its times are UTC where it names no zone.
func ofCronJob(job *batchv1.CronJob, after time.Time) func() (Run, bool) {
	zone := ptr.Deref(job.Spec.TimeZone, "UTC")
	location, err := schedule.LoadLocation(zone)
	if err != nil || ptr.Deref(job.Spec.Suspend, false) || job.DeletionTimestamp != nil {
		return none
	}
	times, err := cron.ParseStandard(job.Spec.Schedule)
	if err != nil {
		return none
	}
	run := Run{When: after.In(location), Kind: "CronJob", Namespace: job.Namespace, Name: job.Name, Zone: zone}
	if success := job.Status.LastSuccessfulTime; success != nil {
		run.Last = "Succeeded"
		if scheduled := job.Status.LastScheduleTime; scheduled != nil && scheduled.After(success.Time) {
			run.Last = "" // that of the last one is not known
		}
	}
	return func() (Run, bool) {
		run.When = times.Next(run.When)
		return run, !run.When.IsZero()
	}
}

// lastRuns are the runs of each CronTab that ended last, by its UID.
func lastRuns(ats []cnatv1.At) map[types.UID]*cnatv1.At {
	last := map[types.UID]*cnatv1.At{}
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

// cancelledAts are those that never start.
func cancelledAts(ats []cnatv1.At) map[types.UID]bool {
	cancelled := map[types.UID]bool{}
	for i := range ats {
		if ptr.Deref(ats[i].Spec.Cancel, false) {
			cancelled[ats[i].UID] = true
		}
	}
	return cancelled
}

// skipped is the scheduled time of a CronTab whose run its user cancelled; zero where there is none.
func skipped(tab *crontabv1.CronTab, cancelled map[types.UID]bool) time.Time {
	if next := tab.Status.Next; next != nil && cancelled[next.UID] {
		return next.ScheduledTime.Time
	}
	return time.Time{}
}
