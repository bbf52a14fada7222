package at

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

func TestLookHolds(t *testing.T) {
	revised := func(version string) *cnatv1alpha1.At {
		return newAt(func(at *cnatv1alpha1.At) { at.ResourceVersion = version })
	}
	taken := look{resourceVersion: "7", taken: due}
	tests := map[string]struct {
		look    look
		cached  *cnatv1alpha1.At
		wall    time.Duration
		elapsed time.Duration
		want    bool
	}{
		"at once":                        {taken, revised("7"), 0, 0, true},
		"as long as it may":              {taken, revised("7"), LookValid, LookValid, true},
		"too long":                       {taken, revised("7"), LookValid + 1, LookValid + 1, false},
		"too long, and the clock back":   {taken, revised("7"), time.Second, LookValid + 1, false},
		"the machine was suspended":      {taken, revised("7"), time.Hour, time.Second, false},
		"the clock was stepped back":     {taken, revised("7"), -time.Second, time.Second, false},
		"the At has changed":             {taken, revised("8"), 0, 0, false},
		"the cache is behind":            {taken, revised("6"), 0, 0, false},
		"there was none":                 {look{}, revised("7"), 0, 0, false},
		"there was none, nor a revision": {look{}, newAt(), 0, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.look.holds(test.cached, due.Add(test.wall), test.elapsed); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// All looks are over before it is due, are spread, and hold a while after.
func TestLead(t *testing.T) {
	const n = 1000
	var early int
	for i := range n {
		got := lead(types.UID(fmt.Sprintf("b6f0-%d", i)))
		if got < lookLead || got >= lookLead+lookSpread {
			t.Errorf("got %s", got)
		}
		if got > lookLead+lookSpread/2 {
			early++
		}
	}
	if early < n*4/10 || early > n*6/10 {
		t.Errorf("%d of %d are in the first half", early, n)
	}
	if latest := LookValid - lookLead - lookSpread; latest < time.Second {
		t.Errorf("a look may hold only until %s after the At is due", latest)
	}
}
