package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// series is one curve of the plot.
type series struct {
	name   string
	values distribution
}

// The plot: the share of Jobs that were seen by a lateness, on a logarithmic
// axis from 10 ms to 1000 s, in pixels.
const (
	left, right, top, bottom = 60, 640, 30, 340
	leastSeconds, decades    = 0.01, 5
)

var colors = []string{"#555555", "#1f77b4", "#d62728"}

func x(d time.Duration) float64 {
	share := math.Log10(max(d.Seconds(), leastSeconds)/leastSeconds) / decades
	return left + share*(right-left)
}

func y(share float64) float64 { return bottom - share*(bottom-top) }

// writePlot writes the curves as an SVG file.
func writePlot(file string, all []series) error {
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 400" font-family="sans-serif" font-size="12">`+"\n")
	fmt.Fprintf(&svg, `<rect width="700" height="400" fill="white"/>`+"\n")
	fmt.Fprintf(&svg, `<text x="%d" y="18">Share of Jobs seen, by lateness after the instant that all were due</text>`+"\n", left)
	for decade := 0; decade <= decades; decade++ {
		seconds := leastSeconds * math.Pow10(decade)
		at := x(time.Duration(seconds * float64(time.Second)))
		fmt.Fprintf(&svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`+"\n", at, top, at, bottom)
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle">%g s</text>`+"\n", at, bottom+18, seconds)
	}
	for _, percent := range []int{0, 50, 99, 100} {
		at := y(float64(percent) / 100)
		fmt.Fprintf(&svg, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`+"\n", left, at, right, at)
		if percent != 99 {
			fmt.Fprintf(&svg, `<text x="%d" y="%.1f" text-anchor="end">%d %%</text>`+"\n", left-6, at+4, percent)
		}
	}
	for i, one := range all {
		points := make([]string, len(one.values))
		for rank, value := range one.values {
			points[rank] = fmt.Sprintf("%.1f,%.1f", x(value), y(float64(rank+1)/float64(len(one.values))))
		}
		fmt.Fprintf(&svg, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colors[i], strings.Join(points, " "))
		fmt.Fprintf(&svg, `<text x="%d" y="%d" fill="%s">%s: p50 %.2f s, p99 %.2f s</text>`+"\n",
			left+10, top+20+18*i, colors[i], one.name, one.values.percentile(50).Seconds(), one.values.percentile(99).Seconds())
	}
	svg.WriteString("</svg>\n")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(svg.String()), 0o644)
}
