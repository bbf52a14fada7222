// Package progress reports what was done, a line a step, with the time since the
// start.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Printer prints steps. Steps may come from more than one goroutine.
type Printer struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// New starts the clock.
func New(out io.Writer) *Printer {
	return &Printer{out: out, start: time.Now()}
}

// Step prints a line.
func (p *Printer) Step(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "[%5.1f s] %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}
