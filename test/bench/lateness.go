package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// distribution is sorted durations.
type distribution []time.Duration

// percentile by the nearest rank: the least value that p percent are not above.
func (d distribution) percentile(p float64) time.Duration {
	rank := int(math.Ceil(p / 100 * float64(len(d))))
	return d[max(rank, 1)-1]
}

// print prints name_p50, name_p99 and name_max in seconds.
func (d distribution) print(name string) {
	fmt.Printf("%s_n=%d\n", name, len(d))
	fmt.Printf("%s_min_seconds=%.3f\n", name, d[0].Seconds())
	fmt.Printf("%s_p50_seconds=%.3f\n", name, d.percentile(50).Seconds())
	fmt.Printf("%s_p99_seconds=%.3f\n", name, d.percentile(99).Seconds())
	fmt.Printf("%s_max_seconds=%.3f\n", name, d[len(d)-1].Seconds())
}

// rounds are the distributions of one measurement that was made several times.
type rounds []distribution

// median is the round whose p99 is in the middle.
func (r rounds) median() distribution {
	sorted := slices.SortedFunc(slices.Values(r), func(a, b distribution) int {
		return int(a.percentile(99) - b.percentile(99))
	})
	return sorted[len(sorted)/2]
}

// print prints the p99 of each round, and all of the median one.
func (r rounds) print(name string) {
	p99s := make([]string, len(r))
	for i, round := range r {
		p99s[i] = fmt.Sprintf("%.3f", round.percentile(99).Seconds())
	}
	fmt.Printf("%s_p99_seconds_of_each_round=%s\n", name, strings.Join(p99s, ","))
	r.median().print(name)
}
