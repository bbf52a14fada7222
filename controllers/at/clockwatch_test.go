package at

import (
	"testing"
	"time"
)

func TestClockStep(t *testing.T) {
	start := time.Now()
	tests := map[string]struct{ monotonic, wall, want time.Duration }{
		"nothing happened": {clockPeriod, clockPeriod, 0},
		"slewed":           {clockPeriod, clockPeriod + 5*time.Millisecond, 0},
		"stepped forward":  {clockPeriod, clockPeriod + time.Hour, time.Hour},
		"stepped back":     {clockPeriod, clockPeriod - time.Hour, -time.Hour},
		"suspended":        {time.Second, 8 * time.Hour, 8*time.Hour - time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := clockStep(start, start.Add(test.wall), test.monotonic); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
