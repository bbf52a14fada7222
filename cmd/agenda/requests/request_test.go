package requests

import (
	"strings"
	"testing"
	"time"
)

func TestTextOf(t *testing.T) {
	now := time.Date(2027, 1, 1, 2, 3, 4, 5, time.FixedZone("", 3600))
	longest := strings.Repeat("x", longestUser)
	for user, want := range map[string]string{
		"jane@example.com":       "2027-01-01T01:03:04.000000005Z by jane@example.com",
		"system:serviceaccount:": "2027-01-01T01:03:04.000000005Z by system:serviceaccount:",
		"Jürgen by night":        "2027-01-01T01:03:04.000000005Z by Jürgen by night",
		longest:                  "2027-01-01T01:03:04.000000005Z by " + longest,
		longest + "x":            "", "": "", "a\nb": "", "a\x1b[1m": "", "a\xff": "", "a\u202eb": "",
	} {
		got, err := textOf(now, user)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", user, got, err)
		}
		if len(got) > 256 {
			t.Errorf("%q: %d bytes", user, len(got))
		}
	}
}
