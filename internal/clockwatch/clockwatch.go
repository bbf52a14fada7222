// Package clockwatch notices that the wall clock was stepped.
package clockwatch

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// period is how often the clocks are compared. A step is noticed
	// within this time.
	period = 10 * time.Second
	// tolerance is less than what a user notices, and more than what a
	// clock is slewed in a period (500 ppm: 5 ms).
	tolerance = 100 * time.Millisecond
)

// Watch notices that the wall clock was stepped, or the machine suspended, and
// sends all objects that wait for a time to be looked at. Go's timers follow the
// monotonic clock, which knows of neither. One comparison for all of them costs
// less than a short sleep for each.
type Watch struct {
	// Stepped receives the objects when the clock was stepped.
	Stepped chan event.GenericEvent

	clock  clock.WithTicker
	reader client.Reader
	list   func() client.ObjectList
	waits  func(client.Object) bool
}

// Add adds to a manager a Watch for the objects of a list that wait.
func Add(
	mgr manager.Manager, clock clock.WithTicker, list func() client.ObjectList, waits func(client.Object) bool,
) (*Watch, error) {
	watch := &Watch{Stepped: make(chan event.GenericEvent), clock: clock, reader: mgr.GetClient(), list: list, waits: waits}
	if err := mgr.Add(watch); err != nil {
		return nil, fmt.Errorf("adding the clock watch: %w", err)
	}
	return watch, nil
}

// Start compares the clocks until the context ends.
func (w *Watch) Start(ctx context.Context) error {
	ticker := w.clock.NewTicker(period)
	defer ticker.Stop()
	last := w.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
		now := w.clock.Now()
		if step := stepBetween(last, now, now.Sub(last)); step != 0 {
			log.FromContext(ctx).Info("The wall clock was stepped: looking at all objects that wait", "by", step.String())
			w.wakeAll(ctx)
		}
		last = now
	}
}

// stepBetween is by how much the wall clock was stepped from last to now, between
// which elapsed passed on the monotonic clock; zero if it is within the tolerance.
func stepBetween(last, now time.Time, elapsed time.Duration) time.Duration {
	step := now.Round(0).Sub(last.Round(0)) - elapsed // Round strips the monotonic reading
	if step.Abs() <= tolerance {
		return 0
	}
	return step
}

func (w *Watch) wakeAll(ctx context.Context) {
	list := w.list()
	err := w.reader.List(ctx, list)
	if err == nil {
		err = meta.EachListItem(list, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok || !w.waits(object) {
				return nil
			}
			select {
			case w.Stepped <- event.GenericEvent{Object: object}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	if err != nil && ctx.Err() == nil {
		log.FromContext(ctx).Error(err, "Looking at all objects after the clock was stepped")
	}
}
