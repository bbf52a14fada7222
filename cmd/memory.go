package main

import (
	"context"
	"runtime/metrics"
	"time"

	"k8s.io/utils/clock"
)

// restPeriod is for how long no garbage was collected when the operator is taken to be at rest.
const restPeriod = 5 * time.Second

// collections is how often the garbage was collected.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// returnMemory gives memory back to the system as soon as a burst is over. Until the next collection, which at rest may be
// two minutes away, the heap would stay as large as the burst made it.
func returnMemory(ctx context.Context, ticks clock.WithTicker, collected func() uint64, release func()) {
	ticker := ticks.NewTicker(restPeriod)
	defer ticker.Stop()
	released, before := uint64(0), collected()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		now := collected()
		if now == before && now != released {
			release() // which collects, too
			now = collected()
			released = now
		}
		before = now
	}
}
