// Package plot draws how a share grows with time, as an SVG that can be read in the light and in the dark.
package plot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Plot is what is drawn.
type Plot struct {
	Title    string
	Place    func(time.Duration) float64 // where a time is: from 0, on the left, to 1
	Ticks    []time.Duration             // times that have a line
	Percents []int                       // shares that have a line; 99 has no label, being next to 100
	Curves   []Curve
	Below    bool // whether the legend is below the curves, on the right, and not above them
}

// Curve is one curve: the n-th of its times is when n of them were reached.
type Curve struct {
	Label, Color string // grey, blue or red
	Times        []time.Duration
}

const left, right, top, bottom = 60, 640, 30, 340 // pixels

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 400" font-family="sans-serif" font-size="12">
<style>
rect { fill: #ffffff } text { fill: #1c2126 } line { stroke: #dddddd } polyline { fill: none; stroke-width: 2 }
.grey { --color: #555555 } .blue { --color: #1f77b4 } .red { --color: #d62728 }
polyline { stroke: var(--color) } text[class] { fill: var(--color) }
@media (prefers-color-scheme: dark) {
  rect { fill: #14181c } text { fill: #e4e7eb } line { stroke: #3a424a }
  .grey { --color: #a9b2bc } .blue { --color: #7ab8ec } .red { --color: #ff8a80 }
}
</style>
<rect width="700" height="400"/>
`

// Write draws the plot into a file.
func (p Plot) Write(file string) error {
	x := func(d time.Duration) float64 { return left + p.Place(d)*(right-left) }
	y := func(share float64) float64 { return bottom - share*(bottom-top) }
	var svg strings.Builder
	svg.WriteString(head)
	fmt.Fprintf(&svg, `<text x="%d" y="18">%s</text>`+"\n", left, p.Title)
	for _, tick := range p.Ticks {
		fmt.Fprintf(&svg, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", x(tick), top, x(tick), bottom)
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d" text-anchor="middle">%g s</text>`+"\n", x(tick), bottom+18, tick.Seconds())
	}
	for _, percent := range p.Percents {
		at := y(float64(percent) / 100)
		fmt.Fprintf(&svg, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, at, right, at)
		if percent != 99 {
			fmt.Fprintf(&svg, `<text x="%d" y="%.1f" text-anchor="end">%d %%</text>`+"\n", left-6, at+4, percent)
		}
	}
	legend := fmt.Sprintf(`x="%d"`, left+10)
	below := top + 20
	if p.Below {
		legend, below = fmt.Sprintf(`x="%d" text-anchor="end"`, right-10), bottom-30
	}
	for i, curve := range p.Curves {
		points := make([]string, len(curve.Times))
		for rank, d := range curve.Times {
			points[rank] = fmt.Sprintf("%.1f,%.1f", x(d), y(float64(rank+1)/float64(len(curve.Times))))
		}
		fmt.Fprintf(&svg, `<polyline class="%s" points="%s"/>`+"\n", curve.Color, strings.Join(points, " "))
		fmt.Fprintf(&svg, `<text class="%s" %s y="%d">%s</text>`+"\n", curve.Color, legend, below+18*i, curve.Label)
	}
	svg.WriteString("</svg>\n")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(svg.String()), 0o644)
}
