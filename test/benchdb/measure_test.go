package main

import (
	"slices"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	all := &result{}
	for i := range 300 {
		all.installed = append(all.installed, time.Duration(i+1)*time.Second)
	}
	for percent, want := range map[int]time.Duration{10: 30 * time.Second, 50: 150 * time.Second, 99: 297 * time.Second, 100: 300 * time.Second} {
		if got := all.ready(percent); got != want {
			t.Errorf("p%d: %s", percent, got)
		}
	}
	one := &result{installed: []time.Duration{time.Second}}
	if one.ready(1) != time.Second {
		t.Error("of one, it is the first")
	}
}

func TestWithMedian(t *testing.T) {
	var rounds []*result
	for i, seconds := range []time.Duration{40, 30, 60} {
		rounds = append(rounds, &result{
			installed: []time.Duration{seconds * time.Second}, cpu: seconds, installRequests: float64(seconds), peak: int64(i), noopRequests: float64(i),
		})
	}
	all := withMedian(rounds)
	if all.installTime() != 40*time.Second || all.cpu != 40 || all.installRequests != 40 || !slices.Equal(all.rounds, []float64{40, 30, 60}) {
		t.Errorf("of three rounds: %+v", all)
	}
	if all = withMedian(rounds[1:]); all.installTime() != 30*time.Second || all.peak != 1 || all.noopRequests != 1 {
		t.Errorf("of two rounds: %+v", all)
	}
}
