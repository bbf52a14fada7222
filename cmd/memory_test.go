package main

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// Memory is returned once, five seconds after the last collection, and again only after another.
func TestReturnMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cycles, released := uint64(7), 0
		release := func() { released++; cycles++ }
		go returnMemory(t.Context(), clock.RealClock{}, func() uint64 { return cycles }, release)
		synctest.Wait()
		for second, step := range []struct {
			collect bool
			want    int
		}{{true, 0}, {true, 0}, {true, 0}, {false, 1}, {false, 1}, {false, 1}, {true, 1}, {false, 2}, {false, 2}} {
			if step.collect {
				cycles++
			}
			time.Sleep(restPeriod)
			synctest.Wait()
			if released != step.want {
				t.Errorf("after %d periods memory was returned %d times, want %d", second+1, released, step.want)
			}
		}
	})
}

func TestCollectionsAreCounted(t *testing.T) {
	before := collections()
	debug.FreeOSMemory()
	if after := collections(); after <= before {
		t.Errorf("%d collections before, %d after", before, after)
	}
}
