package main

import (
	"fmt"
	"math"
	"time"

	"example.com/cnat-operator/test/plot"
)

// writePlot draws the share of Jobs that were seen by a lateness, on a logarithmic axis from 10 ms to 1000 s.
func writePlot(file string, raw, ats, cronJobs distribution) error {
	const least, decades = 10 * time.Millisecond, 5
	drawn := plot.Plot{
		Title:    "Share of Jobs seen, by lateness after the instant that all were due",
		Place:    func(d time.Duration) float64 { return math.Log10(max(d, least).Seconds()/least.Seconds()) / decades },
		Percents: []int{0, 50, 99, 100},
		Curves:   []plot.Curve{curve("raw", "grey", raw), curve("At", "blue", ats), curve("CronJob", "red", cronJobs)},
	}
	for tick := least; len(drawn.Ticks) <= decades; tick *= 10 {
		drawn.Ticks = append(drawn.Ticks, tick)
	}
	return drawn.Write(file)
}

func curve(name, color string, times distribution) plot.Curve {
	label := fmt.Sprintf("%s: p50 %.2f s, p99 %.2f s", name, times.percentile(50).Seconds(), times.percentile(99).Seconds())
	return plot.Curve{Label: label, Color: color, Times: times}
}
