package main

import (
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// Memory is returned once, five seconds after the last collection, and again only after another.
func TestReturnMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cycles, released atomic.Uint64
		cycles.Store(7)
		go returnMemory(t.Context(), clock.RealClock{}, cycles.Load, func() { released.Add(1); cycles.Add(1) })
		time.Sleep(restPeriod / 2) // from now on midway between its looks
		for period, step := range []struct {
			collect bool
			want    uint64
		}{{true, 0}, {true, 0}, {true, 0}, {false, 1}, {false, 1}, {false, 1}, {true, 1}, {false, 2}, {false, 2}} {
			if step.collect {
				cycles.Add(1)
			}
			time.Sleep(restPeriod)
			synctest.Wait()
			if got := released.Load(); got != step.want {
				t.Errorf("after %d periods memory was returned %d times, want %d", period+1, got, step.want)
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
