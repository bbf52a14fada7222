// Package browser runs the machine's Chromium for tests that look at pages.
package browser

import (
	"os/exec"
	"testing"
)

// Contrast are functions of JavaScript over colours as getComputedStyle has them: light is how light one is, from 0 to 1,
// and contrast how well two are told apart, from 1 to 21. WCAG 2.2 asks for 4.5 of text and for 3 of what is not text.
const Contrast = `
const number = color => color.match(/[\d.]+/g).map(Number);
const light = color => number(color).slice(0, 3).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
	.reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const contrast = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
`

// Command is headless Chromium of a user who likes pages to be dark, or light, with further arguments. What it asks the
// network for is what its pages ask for. Where there is no Chromium, the test is skipped.
func Command(t *testing.T, dark bool, args ...string) *exec.Cmd {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	scheme := "--blink-settings=preferredColorScheme=1" // Blink's number for light
	if dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	return exec.CommandContext(t.Context(), chromium, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(), scheme,
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	}, args...)...)
}
