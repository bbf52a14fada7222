package cluster

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
)

func TestWait(t *testing.T) {
	self, err := machine.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	tries := 0
	tests := []struct {
		name  string
		ctx   context.Context
		node  machine.Process
		holds func(context.Context) error
		says  string // "" where the wait ends well
	}{
		{"at once", t.Context(), self, func(context.Context) error { return nil }, ""},
		{"at the second try", t.Context(), self, func(context.Context) error {
			if tries++; tries < 2 {
				return errors.New("not yet")
			}
			return nil
		}, ""},
		{"never", t.Context(), self, func(context.Context) error { return errors.New("not yet") }, "waited 300ms for something to happen: not yet"},
		{"the node died", t.Context(), machine.Process{PID: self.PID, Start: 1}, func(context.Context) error { return errors.New("not yet") }, "the node has died"},
		{"broken off", broken, self, func(context.Context) error { return errors.New("not yet") }, "broken off"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := wait(test.ctx, test.node, condition{
				what: "something to happen", limit: 300 * time.Millisecond, component: "none", holds: test.holds,
			})
			if test.says == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want an error that says %q", err, test.says)
			}
		})
	}
}
