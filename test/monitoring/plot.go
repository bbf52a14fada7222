package monitoring

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// Series is one line of a panel.
type Series struct {
	Name   string
	Points []Point
}

// Point is a value at a time.
type Point struct {
	When  time.Time
	Value float64
}

// A column of Grafana's grid of 24, and a row, in pixels; and what is around a panel's plot.
const (
	column, row                     = 50, 36
	margin, left, right, top, below = 8, 64, 20, 30, 24
	legendLine, mostInLegend        = 14, 4
)

var colors = []string{"#3274d9", "#e0752d", "#37872d", "#c4162a", "#8f3bb8", "#b8860b", "#1b8a8f", "#666666"}

// Draw draws a dashboard as SVG, of what each panel's queries gave between two times.
func Draw(dashboard *Dashboard, series [][]Series, from, to time.Time) string {
	height := 0
	for _, panel := range dashboard.Panels {
		height = max(height, (panel.GridPos.Y+panel.GridPos.H)*row)
	}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		24*column, height+30)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="#f4f5f5"/><text x="%d" y="20" font-size="15" fill="#222">%s</text>`+"\n",
		margin, html.EscapeString(dashboard.Title))
	for i, panel := range dashboard.Panels {
		fmt.Fprintf(&svg, `<g transform="translate(%d %d)">`+"\n", panel.GridPos.X*column, 30+panel.GridPos.Y*row)
		plot{panel: panel, series: series[i], from: from, to: to}.draw(&svg)
		svg.WriteString("</g>\n")
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// plot is one panel.
type plot struct {
	panel      Panel
	series     []Series
	from, to   time.Time
	low, high  float64
	x, y, w, h float64 // of the plot within the panel
}

func (p plot) draw(svg *strings.Builder) {
	width, height := p.panel.GridPos.W*column-margin, p.panel.GridPos.H*row-margin
	lines := min(len(p.series), mostInLegend)
	p.x, p.y, p.w, p.h = left, top, float64(width-left-right), float64(height-top-below-lines*legendLine)
	p.low, p.high = p.limits()
	fmt.Fprintf(svg, `<rect x="4" y="4" width="%d" height="%d" rx="3" fill="white" stroke="#d8d9da"/>`+"\n", width, height)
	fmt.Fprintf(svg, `<text x="14" y="21" font-weight="bold" fill="#222">%s</text>`+"\n", html.EscapeString(p.panel.Title))
	for tick := range 4 {
		value := p.low + (p.high-p.low)*float64(tick)/3
		fmt.Fprintf(svg, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#e5e5e5"/>`, p.x, p.x+p.w, p.pixelY(value), p.pixelY(value))
		fmt.Fprintf(svg, `<text x="%.0f" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n",
			p.x-5, p.pixelY(value)+4, inUnit(value, p.panel.FieldConfig.Defaults.Unit))
	}
	for _, when := range []time.Time{p.from, p.from.Add(p.to.Sub(p.from) / 2), p.to} {
		fmt.Fprintf(svg, `<text x="%.1f" y="%.0f" text-anchor="middle" fill="#555">%s</text>`+"\n",
			p.pixelX(when), p.y+p.h+14, when.UTC().Format("15:04"))
	}
	for i, one := range p.series {
		p.line(svg, one, colors[i%len(colors)])
	}
	p.legend(svg)
}

func (p plot) legend(svg *strings.Builder) {
	for i, one := range p.series[:min(len(p.series), mostInLegend)] {
		name := one.Name
		if more := len(p.series) - mostInLegend; i == mostInLegend-1 && more > 0 {
			name += fmt.Sprintf(", and %d more", more)
		}
		y := p.y + p.h + below + 4 + float64(i*legendLine)
		fmt.Fprintf(svg, `<rect x="14" y="%.0f" width="10" height="4" fill="%s"/><text x="29" y="%.0f" fill="#333">%s</text>`+"\n",
			y, colors[i%len(colors)], y+6, html.EscapeString(name))
	}
}

// limits are the least and the largest value, with zero between them, and somewhat apart.
func (p plot) limits() (low, high float64) {
	for _, one := range p.series {
		for _, point := range one.Points {
			if isNumber(point.Value) {
				low, high = min(low, point.Value), max(high, point.Value)
			}
		}
	}
	if low == high {
		return 0, 1
	}
	return low, high
}

func isNumber(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

func (p plot) pixelX(when time.Time) float64 {
	return p.x + p.w*when.Sub(p.from).Seconds()/p.to.Sub(p.from).Seconds()
}

func (p plot) pixelY(value float64) float64 { return p.y + p.h - p.h*(value-p.low)/(p.high-p.low) }

// line draws a series, with a gap where there is no number, and a dot where one is alone.
func (p plot) line(svg *strings.Builder, series Series, color string) {
	var run []string
	end := func() {
		switch {
		case len(run) == 1:
			x, y, _ := strings.Cut(run[0], ",")
			fmt.Fprintf(svg, `<circle cx="%s" cy="%s" r="1.6" fill="%s"/>`+"\n", x, y, color)
		case len(run) > 1:
			fmt.Fprintf(svg, `<polyline fill="none" stroke="%s" stroke-width="1.4" points="%s"/>`+"\n", color, strings.Join(run, " "))
		}
		run = nil
	}
	var last time.Time
	step := p.to.Sub(p.from) / 40
	for _, point := range series.Points {
		if !isNumber(point.Value) || point.When.Sub(last) > step {
			end()
		}
		if isNumber(point.Value) {
			run = append(run, fmt.Sprintf("%.1f,%.1f", p.pixelX(point.When), p.pixelY(point.Value)))
			last = point.When
		}
	}
	end()
}

// inUnit writes a value of an axis as Grafana would.
func inUnit(value float64, unit string) string {
	switch unit {
	case "percentunit":
		return fmt.Sprintf("%.0f %%", value*100)
	case "bytes":
		return scaled(value, 1024, "B", "KiB", "MiB", "GiB", "TiB")
	case "s":
		return inTime(value)
	case "ops":
		return scaled(value, 1000, "/s", "k/s", "M/s")
	default:
		return strings.TrimSpace(scaled(value, 1000, "", "k", "M"))
	}
}

func inTime(seconds float64) string {
	switch size := math.Abs(seconds); {
	case size == 0 || size >= 1 && size < 2*60:
		return fmt.Sprintf("%.3g s", seconds)
	case size < 1:
		return fmt.Sprintf("%.3g ms", seconds*1000)
	case size < 2*60*60:
		return fmt.Sprintf("%.3g min", seconds/60)
	default:
		return fmt.Sprintf("%.3g h", seconds/3600)
	}
}

func scaled(value, base float64, units ...string) string {
	i := 0
	for math.Abs(value) >= base && i < len(units)-1 {
		value, i = value/base, i+1
	}
	return fmt.Sprintf("%.3g %s", value, units[i])
}
