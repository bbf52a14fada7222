package main

import (
	"fmt"
	"time"

	"example.com/cnat-operator/test/plot"
)

// writePlot draws how many were done by what time after all were asked for.
func writePlot(file string, our, their *result) error {
	longest := max(our.installTime(), their.installTime())
	drawn := plot.Plot{
		Title:    fmt.Sprintf("Share of %d Databases, by the time until they were reported as done", len(our.installed)),
		Place:    func(d time.Duration) float64 { return d.Seconds() / longest.Seconds() },
		Percents: []int{0, 50, 100},
		Curves:   []plot.Curve{our.curve("blue"), their.curve("red")},
		Below:    true,
	}
	for tick := range time.Duration(6) {
		drawn.Ticks = append(drawn.Ticks, (longest * tick / 5).Round(time.Second))
	}
	return drawn.Write(file)
}

func (r *result) curve(color string) plot.Curve {
	label := fmt.Sprintf("%s: %.0f s, %.0f requests for each, %d MiB", r.name, r.installTime().Seconds(), r.installRequests, r.peak>>20)
	return plot.Curve{Label: label, Color: color, Times: r.installed}
}
