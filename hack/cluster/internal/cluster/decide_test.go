package cluster

import "testing"

func TestDecide(t *testing.T) {
	const here, wanted = "/home/me/checkout", "f1"
	ours := func(change func(*record)) *record {
		r := &record{Checkout: here, Fingerprint: wanted, Complete: true}
		if change != nil {
			change(r)
		}
		return r
	}
	tests := []struct {
		name  string
		found found
		want  action
	}{
		{"nothing", found{}, create},
		{"ours, running", found{record: ours(nil), alive: true, remains: true}, keep},
		{"ours, killed or before a restart of the machine", found{record: ours(nil), remains: true}, replace},
		{"ours, of other binaries", found{record: ours(func(r *record) { r.Fingerprint = "f0" }), alive: true, remains: true}, replace},
		{"ours, broken off while starting", found{record: ours(func(r *record) { r.Complete = false }), alive: true, remains: true}, replace},
		{"of another checkout, running", found{record: ours(func(r *record) { r.Checkout = "/tmp/other" }), alive: true, remains: true}, replace},
		{"of another checkout, dead", found{record: ours(func(r *record) { r.Checkout = "/tmp/other" }), remains: true}, replace},
		{"files without a record", found{remains: true}, replace},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, reason := decide(test.found, here, wanted)
			if got != test.want {
				t.Errorf("got %d (%s), want %d", got, reason, test.want)
			}
			if (got == replace) != (reason != "") {
				t.Errorf("action %d with the reason %q", got, reason)
			}
		})
	}
}
