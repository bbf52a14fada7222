package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The plot: how many are installed by what time after all were asked for, in pixels.
const left, right, top, bottom = 60, 640, 30, 340

var colors = []string{"#1f77b4", "#d62728"}

// writePlot draws the installs of all as an SVG file.
func writePlot(file string, all []*result) error {
	var longest time.Duration
	for _, one := range all {
		longest = max(longest, one.installTime())
	}
	x := func(d time.Duration) float64 { return left + d.Seconds()/longest.Seconds()*(right-left) }
	y := func(share float64) float64 { return bottom - share*(bottom-top) }
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 400" font-family="sans-serif" font-size="12">`+"\n")
	fmt.Fprintf(&svg, `<rect width="700" height="400" fill="white"/>`+"\n")
	fmt.Fprintf(&svg, `<text x="%d" y="18">Share of %d Databases, by the time until they were reported as done</text>`+"\n", left, len(all[0].installed))
	for tick := range 6 {
		d := longest * time.Duration(tick) / 5
		fmt.Fprintf(&svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`+"\n", x(d), top, x(d), bottom)
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle">%.0f s</text>`+"\n", x(d), bottom+18, d.Seconds())
	}
	for _, percent := range []int{0, 50, 100} {
		at := y(float64(percent) / 100)
		fmt.Fprintf(&svg, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`+"\n", left, at, right, at)
		fmt.Fprintf(&svg, `<text x="%d" y="%.1f" text-anchor="end">%d %%</text>`+"\n", left-6, at+4, percent)
	}
	for i, one := range all {
		points := make([]string, len(one.installed))
		for rank, moment := range one.installed {
			points[rank] = fmt.Sprintf("%.1f,%.1f", x(moment), y(float64(rank+1)/float64(len(one.installed))))
		}
		fmt.Fprintf(&svg, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colors[i], strings.Join(points, " "))
		fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s: %.0f s, %.0f requests for each, %d MiB</text>`+"\n",
			right-10, bottom-30+18*i, colors[i], one.name, one.installTime().Seconds(), one.installRequests, one.peak>>20)
	}
	svg.WriteString("</svg>\n")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(svg.String()), 0o644)
}
