package release

import (
	"fmt"
	"testing"
	"time"

	"example.com/cnat-operator/controllers/database/internal/testdb"
)

// The first repairs are free, then they come at longer and longer intervals.
func TestRepairsOfAFight(t *testing.T) {
	r := repairs{}
	now, last, done := testdb.Noon, testdb.Noon, 0
	for n := 0; now.Before(testdb.Noon.Add(time.Hour)); n++ {
		wait, fight := r.wait("Service x", fmt.Sprint("version ", n), now)
		if wait == 0 {
			r.note("Service x", fmt.Sprint("version ", n), now)
			done++
			last = now
			continue // the other writer is at once
		}
		if !fight || now.Sub(last) > maxBackoff {
			t.Fatalf("at %s: fight %t, last repair %s ago", now.Sub(testdb.Noon), fight, now.Sub(last))
		}
		now = now.Add(wait)
	}
	if done < 10 || done > freeRepairs+18 {
		t.Errorf("%d repairs in an hour", done)
	}
	if wait, _ := r.wait("Service y", "", now); wait != 0 {
		t.Errorf("another object waits %s", wait)
	}
	wait, _ := r.wait("Service x", "much later", now.Add(repairMemory))
	if r.note("Service x", "much later", now.Add(repairMemory)); wait != 0 || r["Service x"].count != 1 {
		t.Errorf("a fight is not forgotten: %s, %+v", wait, r)
	}
}

// While the cache shows what was just repaired, it is not repaired again.
func TestRepairThatTheCacheDoesNotShow(t *testing.T) {
	r := repairs{}
	for i, repaired := range []struct{ after, want time.Duration }{
		{0, 0}, {time.Second, firstBackoff - time.Second}, {firstBackoff, 0},
	} {
		if wait, fight := r.wait("Service x", "Service x (missing)", testdb.Noon.Add(repaired.after)); wait != repaired.want || fight {
			t.Errorf("step %d: %s, %t", i, wait, fight)
		} else if wait == 0 {
			r.note("Service x", "Service x (missing)", testdb.Noon.Add(repaired.after))
		}
	}
}
