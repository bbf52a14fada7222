package main

import (
	"fmt"
	"slices"
	"time"
)

// verdict is what came of all the Ats.
type verdict struct {
	lost, twice, early int
	lateness           []time.Duration // of those that were not deleted, in order
}

// judge compares when Ats were due with when they ran. One whose run was
// deleted need not have got as far as the file; it must not run twice either.
func judge(due map[string]time.Time, ran map[string][]time.Time, victims map[string]bool) verdict {
	var found verdict
	for name, moment := range due {
		runs := ran[name]
		if len(runs) == 0 {
			if !victims[name] {
				found.lost++
			}
			continue
		}
		if len(runs) > 1 {
			found.twice++
		}
		late := slices.MinFunc(runs, time.Time.Compare).Sub(moment)
		if late < 0 {
			found.early++
		}
		if !victims[name] {
			found.lateness = append(found.lateness, late)
		}
	}
	slices.Sort(found.lateness)
	return found
}

func (v verdict) print(kills, deletions int) {
	fmt.Printf("lost=%d twice=%d early=%d\n", v.lost, v.twice, v.early)
	fmt.Printf("leader_kills=%d\ndeletions=%d\n", kills, deletions)
	if n := len(v.lateness); n > 0 {
		fmt.Printf("lateness_p50_seconds=%.1f\nlateness_p99_seconds=%.1f\nlateness_max_seconds=%.1f\n",
			v.lateness[n/2].Seconds(), v.lateness[n*99/100].Seconds(), v.lateness[n-1].Seconds())
	}
}
