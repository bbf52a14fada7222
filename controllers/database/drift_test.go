package database

import (
	"fmt"
	"testing"
	"time"
)

// The first repairs are free, then they come at longer and longer intervals.
func TestRepairsOfAFight(t *testing.T) {
	r := repairs{}
	now, last, done := noon, noon, 0
	for n := 0; now.Before(noon.Add(time.Hour)); n++ {
		wait, fight := r.wait("Service x", fmt.Sprint("version ", n), now)
		if wait == 0 {
			done++
			last = now
			continue // the other writer is at once
		}
		if !fight || now.Sub(last) > maxBackoff {
			t.Fatalf("at %s: fight %t, last repair %s ago", now.Sub(noon), fight, now.Sub(last))
		}
		now = now.Add(wait)
	}
	if done < 10 || done > freeRepairs+18 {
		t.Errorf("%d repairs in an hour", done)
	}
	if wait, _ := r.wait("Service y", "", now); wait != 0 {
		t.Errorf("another object waits %s", wait)
	}
	if wait, _ := r.wait("Service x", "much later", now.Add(repairMemory)); wait != 0 || r["Service x"].count != 1 {
		t.Errorf("a fight is not forgotten: %s, %+v", wait, r)
	}
}

// While the cache shows what was just repaired, it is not repaired again.
func TestRepairThatTheCacheDoesNotShow(t *testing.T) {
	r := repairs{}
	for i, repaired := range []struct{ after, want time.Duration }{
		{0, 0}, {time.Second, firstBackoff - time.Second}, {firstBackoff, 0},
	} {
		if wait, fight := r.wait("Service x", "Service x (missing)", noon.Add(repaired.after)); wait != repaired.want || fight {
			t.Errorf("step %d: %s, %t", i, wait, fight)
		}
	}
}
