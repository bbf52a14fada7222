package crontab

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

// Manifests that users have run at each minute that they should, over five days, and at no other minute.
func TestUsersManifests(t *testing.T) {
	began := time.Date(2027, 3, 3, 23, 50, 0, 0, time.UTC) // a Wednesday
	end := began.AddDate(0, 0, 5)
	for file, due := range map[string]func(time.Time) bool{
		"crontab-finalizer.yaml":          func(minute time.Time) bool { return minute.Minute()%5 == 0 },
		"crontab-my-new-cron-object.yaml": func(minute time.Time) bool { return minute.Weekday()%5 == 0 }, // Sunday and Friday
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			manifest, err := os.ReadFile(filepath.Join("..", "..", "test", "inputs", file))
			if err != nil {
				t.Fatal(err)
			}
			tab := &v1.CronTab{}
			if err := yaml.UnmarshalStrict(manifest, tab); err != nil {
				t.Fatal(err)
			}
			w := newWorld(rand.New(rand.NewPCG(1, 1)), tab.Spec)
			w.Now = began.Add(-time.Minute)
			created := w.tab().DeepCopy()
			created.CreationTimestamp.Time = w.Now
			w.Store(created)
			want := 0
			for minute := began; minute.Before(end); minute = minute.Add(time.Minute) {
				w.minute(minute)
				runs := w.runs[strconv.FormatInt(minute.Unix(), 10)]
				if expected := due(minute); expected != (runs == 1) || runs > 1 {
					t.Fatalf("%s ran %d times", minute, runs)
				} else if expected {
					want++
				}
			}
			missed := ptr.Deref(w.tab().Status.MissedRuns, 0)
			if len(w.runs) != want || missed != 0 || len(w.violations) > 0 {
				t.Errorf("%d runs, not %d; %d are missed; %v", len(w.runs), want, missed, w.violations)
			}
		})
	}
}

// minute lets a minute pass, with a healthy operator, in which a run starts and ends.
func (w *world) minute(minute time.Time) {
	for _, after := range []time.Duration{0, 20 * time.Second, 40 * time.Second} {
		w.Now = minute.Add(after)
		w.settle()
		for _, at := range w.ats() {
			if started(at) {
				w.playAt(at)
			}
		}
	}
}
