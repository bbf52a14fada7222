package clockwatch

import (
	"testing"
	"time"
)

func TestStepBetween(t *testing.T) {
	start := time.Now()
	tests := map[string]struct{ monotonic, wall, want time.Duration }{
		"nothing happened": {period, period, 0},
		"slewed":           {period, period + 5*time.Millisecond, 0},
		"stepped forward":  {period, period + time.Hour, time.Hour},
		"stepped back":     {period, period - time.Hour, -time.Hour},
		"suspended":        {time.Second, 8 * time.Hour, 8*time.Hour - time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := stepBetween(start, start.Add(test.wall), test.monotonic); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
