package at

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

const (
	// clockPeriod is how often the clocks are compared. A step is noticed
	// within this time.
	clockPeriod = 10 * time.Second
	// clockTolerance is less than what a person notices, and more than what a
	// clock is slewed in a period (500 ppm: 5 ms).
	clockTolerance = 100 * time.Millisecond
)

// clockWatch notices that the wall clock was stepped, or the machine
// suspended, and sends all Ats that are not over to be looked at. Go's timers
// follow the monotonic clock, which knows of neither. One comparison for all
// Ats costs less than a short sleep for each of them.
type clockWatch struct {
	clock   clock.WithTicker
	reader  client.Reader
	stepped chan event.GenericEvent
}

func newClockWatch(clock clock.WithTicker, reader client.Reader) *clockWatch {
	return &clockWatch{clock: clock, reader: reader, stepped: make(chan event.GenericEvent)}
}

// Start compares the clocks until the context ends.
func (w *clockWatch) Start(ctx context.Context) error {
	ticker := w.clock.NewTicker(clockPeriod)
	defer ticker.Stop()
	last := w.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
		now := w.clock.Now()
		if step := clockStep(last, now, now.Sub(last)); step != 0 {
			log.FromContext(ctx).Info("The wall clock was stepped: looking at all Ats", "by", step.String())
			w.wakeAll(ctx)
		}
		last = now
	}
}

// clockStep is by how much the wall clock was stepped from last to now, between
// which elapsed passed on the monotonic clock; zero if it is within the tolerance.
func clockStep(last, now time.Time, elapsed time.Duration) time.Duration {
	step := now.Round(0).Sub(last.Round(0)) - elapsed // Round strips the monotonic reading
	if step.Abs() <= clockTolerance {
		return 0
	}
	return step
}

func (w *clockWatch) wakeAll(ctx context.Context) {
	ats := &cnatv1alpha1.AtList{}
	if err := w.reader.List(ctx, ats); err != nil {
		log.FromContext(ctx).Error(err, "Listing the Ats after the clock was stepped")
		return
	}
	for i := range ats.Items {
		if ats.Items[i].Status.Finished() {
			continue
		}
		select {
		case w.stepped <- event.GenericEvent{Object: &ats.Items[i]}:
		case <-ctx.Done():
			return
		}
	}
}
