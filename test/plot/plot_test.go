package plot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "folder", "plot.svg")
	curve := Curve{Label: "all: 10 s", Color: "blue", Times: []time.Duration{5 * time.Second, 10 * time.Second}}
	p := Plot{
		Title: "Share", Place: func(d time.Duration) float64 { return d.Seconds() / 10 },
		Ticks: []time.Duration{0, 10 * time.Second}, Percents: []int{50, 99}, Curves: []Curve{curve, curve},
	}
	for below, legend := range map[bool]string{false: `x="70" y="68"`, true: `x="630" text-anchor="end" y="328"`} {
		p.Below = below
		if err := p.Write(file); err != nil {
			t.Fatal(err)
		}
		svg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{
			`<line x1="640.0" y1="30" x2="640.0" y2="340"/>`, `<text x="640.0" y="358" text-anchor="middle">10 s</text>`,
			`<text x="54" y="189.0" text-anchor="end">50 %</text>`, `<line x1="60" y1="33.1" x2="640" y2="33.1"/>`,
			`<polyline class="blue" points="350.0,185.0 640.0,30.0"/>`, `<text class="blue" ` + legend + `>all: 10 s</text>`, `</svg>`,
		} {
			if !strings.Contains(string(svg), line+"\n") {
				t.Errorf("below %t: no %s in %s", below, line, svg)
			}
		}
		if strings.Contains(string(svg), "99 %") {
			t.Errorf("99 has a label: %s", svg)
		}
	}
}

// The pictures in the documents are in the style of this package, whose contrast test/site looks at in a browser.
func TestPicturesHaveTheStyle(t *testing.T) {
	pictures, err := filepath.Glob("../../docs/benchmarks/*.svg")
	if err != nil || len(pictures) < 2 {
		t.Fatal(pictures, err)
	}
	for _, picture := range pictures {
		if svg, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(svg), head) {
			t.Errorf("%s (%v) is in another style: its benchmark draws it", picture, err)
		}
	}
}
