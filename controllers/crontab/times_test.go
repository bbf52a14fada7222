package crontab

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/schedule"
)

func day(clock string) time.Time {
	at, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2027, 3, 1, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

func timesFor(t *testing.T, spec v1.CronTabSpec) *times {
	t.Helper()
	times, err := timesOf(&v1.CronTab{ObjectMeta: metav1.ObjectMeta{UID: "uid"}, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// Which run comes next, and how many are missed, by policy. All are settled up to 12:00.
func TestNext(t *testing.T) {
	hourly, minutely := "0 * * * *", "* * * * *"
	for _, test := range []struct {
		name     string
		cron     string
		catchUp  v1.CatchUpPolicy
		deadline int64
		now      string
		want     string
		missed   int
	}{
		{"ahead", hourly, "", 0, "12:30:00", "13:00:00", 0},
		{"late by less than a minute", hourly, "", 0, "13:00:59", "13:00:00", 0},
		{"late by a minute", hourly, "", 0, "13:01:00", "13:00:00", 0},
		{"late by more than a minute", hourly, "", 0, "13:01:01", "14:00:00", 1},
		{"a long time", minutely, "", 0, "14:00:30", "14:00:00", 119},
		{"None holds with a longer deadline", hourly, v1.CatchUpNone, 3600, "13:02:00", "14:00:00", 1},
		{"None holds with a shorter deadline", hourly, v1.CatchUpNone, 10, "13:00:11", "14:00:00", 1},
		{"a deadline means Latest", hourly, "", 7200, "15:30:00", "15:00:00", 2},
		{"Latest within the deadline only", hourly, "", 600, "15:30:00", "16:00:00", 3},
		{"Latest without a deadline", hourly, v1.CatchUpLatest, 0, "15:30:00", "15:00:00", 2},
		{"All", hourly, v1.CatchUpAll, 0, "15:30:00", "13:00:00", 0},
		{"All within the deadline", hourly, v1.CatchUpAll, 7200, "15:30:00", "14:00:00", 1},
		{"the last hundred of all", minutely, v1.CatchUpAll, 0, "14:00:30", "12:21:00", 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			times := timesFor(t, v1.CronTabSpec{CronSpec: test.cron, CatchUp: test.catchUp, StartingDeadlineSeconds: test.deadline})
			run, missed, found := times.next(day("12:00:00"), day(test.now))
			if !found || !run.Scheduled.Equal(day(test.want)) || missed != test.missed {
				t.Errorf("%v at %s, %d missed; want %s, %d missed", found, run.Scheduled, missed, test.want, test.missed)
			}
		})
	}
}

// Years of missed runs cost no more than a moment.
func TestNextAfterYears(t *testing.T) {
	for _, catchUp := range []v1.CatchUpPolicy{v1.CatchUpNone, v1.CatchUpLatest, v1.CatchUpAll} {
		times := timesFor(t, v1.CronTabSpec{CronSpec: "* * * * *", CatchUp: catchUp})
		began := time.Now()
		run, missed, found := times.next(day("12:00:00").AddDate(-10, 0, 0), day("12:00:30"))
		if !found || missed != maxCounted || day("12:00:30").Sub(run.Scheduled) > 100*time.Minute {
			t.Errorf("%s: %v at %s, %d missed", catchUp, found, run.Scheduled, missed)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s", catchUp, took)
		}
	}
}

// How late a run may be, in seconds.
func TestLimit(t *testing.T) {
	for _, test := range []struct {
		name     string
		catchUp  v1.CatchUpPolicy
		deadline int64
		waited   time.Duration
		want     int64
	}{
		{"a minute", "", 0, 0, 60},
		{"None and a longer deadline", v1.CatchUpNone, 300, 0, 60},
		{"None and a shorter deadline", v1.CatchUpNone, 5, 0, 5},
		{"after it waited for another", "", 0, 90 * time.Second, 150},
		{"the deadline holds for one that waited", "", 100, 90 * time.Second, 100},
		{"Latest: until the next one is due", v1.CatchUpLatest, 0, 0, 3600},
		{"Latest: the deadline, if that is shorter", "", 600, 0, 600},
		{"All", v1.CatchUpAll, 0, 0, 0},
		{"All, and a deadline", v1.CatchUpAll, 7200, 0, 7200},
	} {
		times := timesFor(t, v1.CronTabSpec{CronSpec: "0 * * * *", CatchUp: test.catchUp, StartingDeadlineSeconds: test.deadline})
		run := schedule.Run{Scheduled: day("13:00:00"), At: day("13:00:00")}
		if got := times.limitOf(run, test.waited); got != test.want {
			t.Errorf("%s: %d s, want %d", test.name, got, test.want)
		}
	}
}

// Two CronTabs are spread by different times, one always by the same, and what is due is so by that time.
func TestSpread(t *testing.T) {
	spec := v1.CronTabSpec{CronSpec: "0 * * * *", SpreadSeconds: ptr.To[int32](600)}
	times := timesFor(t, spec)
	run, _, _ := times.next(day("12:00:00"), day("12:30:00"))
	late := run.At.Sub(run.Scheduled)
	if late <= 0 || late >= 10*time.Minute || !run.Scheduled.Equal(day("13:00:00")) {
		t.Errorf("it runs %s late", late)
	}
	if again, _, _ := times.next(day("12:00:00"), run.At.Add(-time.Second)); !again.At.Equal(run.At) {
		t.Errorf("before it is due, the next is %s", again.At)
	}
	if again, missed, _ := times.next(day("12:00:00"), run.At.Add(2*time.Minute)); missed != 1 || !again.Scheduled.Equal(day("14:00:00")) {
		t.Errorf("two minutes after it was due, the next is %s, and %d are missed", again.Scheduled, missed)
	}
}

func TestInvalidSchedules(t *testing.T) {
	for field, spec := range map[string]v1.CronTabSpec{
		"spec.cronSpec":     {CronSpec: "0 0 31 2 *"},
		"spec.timeZone":     {CronSpec: "* * * * *", TimeZone: "Europe/Nowhere"},
		"spec.excludeDates": {CronSpec: "* * * * *", ExcludeDates: []string{"2027-02-29"}},
	} {
		if _, err := timesOf(&v1.CronTab{Spec: spec}); err == nil || err.Error()[:len(field)] != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
