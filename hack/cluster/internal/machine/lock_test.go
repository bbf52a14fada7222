package machine

import (
	"strings"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	const name = "cnat-cluster-lock-test"
	waited := 0
	waiting := func() { waited++ }
	unlock, err := Lock(t.Context(), name, time.Second, waiting)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(t.Context(), name, 300*time.Millisecond, waiting); err == nil || !strings.Contains(err.Error(), "waited 300ms") {
		t.Errorf("a second lock: got %v", err)
	}
	if waited != 1 {
		t.Errorf("reported %d times that it waits, want 1", waited)
	}
	unlock()
	unlock, err = Lock(t.Context(), name, time.Second, waiting)
	if err != nil {
		t.Fatalf("a lock that was given back: %v", err)
	}
	unlock()
}
