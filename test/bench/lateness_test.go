package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make(distribution, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	tests := map[string]struct {
		values distribution
		p      float64
		want   time.Duration
	}{
		"median":         {hundred, 50, 50},
		"99 of 100":      {hundred, 99, 99},
		"all":            {hundred, 100, 100},
		"none":           {hundred, 0, 1},
		"between ranks":  {distribution{1, 2, 3}, 50, 2},
		"of one":         {distribution{7}, 99, 7},
		"99 of 1000":     {append(make(distribution, 989), hundred[:11]...), 99, 1},
		"just above 99%": {append(make(distribution, 989), hundred[:11]...), 99.1, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.values.percentile(test.p); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
