package schedule

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var full = flag.Bool("full", false, "judge all changes of clocks from 2000 to 2040, and a million random expressions")

// Every zone, around each of its changes, against the model of cron(8).
func TestEveryZone(t *testing.T) {
	zones := database(t)
	first, last := 2025, 2027
	if *full {
		first, last = 2000, 2040
	}
	var total tally
	var lock sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, z := range zones {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found := judgeZone(t, z, first, last)
			lock.Lock()
			defer lock.Unlock()
			total.changes += found.changes
			total.checked += found.checked
			total.wrong += found.wrong
		})
	}
	group.Wait()
	fmt.Printf("years=%d-%d zones=%d changes=%d checked=%d wrong=%d\n",
		first, last, len(zones), total.changes, total.checked, total.wrong)
	if len(zones) < 500 || total.changes < 2*len(zones)/3 || total.checked < 20*total.changes {
		t.Error("that is less than the database has")
	}
}

type tally struct{ changes, checked, wrong int }

// judgeZone compares a zone's runs with the model's, and counts the runs that were compared.
func judgeZone(t *testing.T, z *time.Location, first, last int) (found tally) {
	for _, change := range changes(z, first, last) {
		found.changes++
		from, until := change-5*60, change+7*60
		moments := cronMoments(z, from, until)
		for _, expression := range expressionsFor(z, change) {
			cron, err := Parse(expression)
			if err != nil {
				t.Errorf("%s: %v", expression, err)
				continue
			}
			want := newCronJob(expression).instants(moments)
			c := &Calendar{Cron: cron, Location: z}
			var got []int64
			c.search().forward(from*60-1, until*60, func(_, at int64) bool {
				got = append(got, at)
				return true
			})
			if len(want) < 20 { // Next searches anew after each
				got = nil
				for after := time.Unix(from*60-1, 0); ; {
					run, ok := c.Next(after)
					if !ok || run.Scheduled.Unix() > until*60 {
						break
					}
					got = append(got, run.Scheduled.Unix())
					after = run.Scheduled
				}
			}
			found.checked += len(want)
			if !slices.Equal(got, want) {
				found.wrong++
				t.Errorf("%s in %s at the change of %s:\n got %v\nwant %v",
					expression, z, time.Unix(change*60, 0).UTC(), got, want)
			}
		}
	}
	return found
}

// changes returns the minutes at which a zone's clocks change, found by looking at the clock.
func changes(z *time.Location, first, last int) []int64 {
	offset := func(minute int64) int {
		_, offset := time.Unix(minute*60, 0).In(z).Zone()
		return offset
	}
	var found []int64
	const step = 3 * 60
	end := time.Date(last+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 60
	for minute := time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 60; minute < end; minute += step {
		if offset(minute) == offset(minute+step) {
			continue
		}
		low, high := minute, minute+step
		for high-low > 1 {
			if middle := (low + high) / 2; offset(middle) == offset(minute) {
				low = middle
			} else {
				high = middle
			}
		}
		found = append(found, high)
	}
	return found
}

// expressionsFor returns jobs of both sorts with times about a change: in its gap or fold, at both ends, and beside
// them.
func expressionsFor(z *time.Location, change int64) []string {
	wall := func(minute int64) int64 {
		_, offset := time.Unix(minute*60, 0).In(z).Zone()
		return minute + int64(offset)/60
	}
	before, after := wall(change-1)+1, wall(change)
	low, high := min(before, after), max(before, after)
	expressions := []string{
		"* * * * *", "*/7 0-23 * * *", "0 */2 * * *", "0-59 0-23 * * *", "0 0 * * *", "0,30 0-23 * * *",
	}
	for _, minute := range []int64{low - 1, low, low + 1, (low + high) / 2, high - 1, high, high + 1} {
		on := time.Unix(minute*60, 0).UTC()
		expressions = append(expressions, fmt.Sprintf("%d %d * * *", on.Minute(), on.Hour()))
	}
	on := time.Unix((low+high)/2*60, 0).UTC()
	return append(
		expressions,
		fmt.Sprintf("%d * * * *", on.Minute()),
		fmt.Sprintf("*/5 %d * * *", on.Hour()),
		fmt.Sprintf("%d,59 %d,%d %d * *", on.Minute(), on.Hour(), (on.Hour()+1)%24, on.Day()),
		fmt.Sprintf("%d %d * %d %d", on.Minute(), on.Hour(), on.Month(), on.Weekday()),
		fmt.Sprintf("%d %d */2 * %d", on.Minute(), on.Hour(), on.Weekday()),
	)
}

// database returns every zone of the database that comes with Go, which is the one embedded in the operator.
func database(t *testing.T) []*time.Location {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	var zones []*time.Location
	for _, file := range archive.File {
		if strings.HasSuffix(file.Name, "/") || file.Name == "Factory" {
			continue
		}
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		z, err := time.LoadLocationFromTZData(file.Name, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := LoadLocation(file.Name); err != nil {
			t.Error(err)
		}
		zones = append(zones, z)
	}
	return zones
}
