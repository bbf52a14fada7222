package database

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		name       string
		have, want string
		ok         bool
	}{
		{"the same", "a: 1", "a: 1", true},
		{"a default of the API server", "{a: 1, b: 2}", "a: 1", true},
		{"another value", "a: 2", "a: 1", false},
		{"a field removed", "b: 2", "a: 1", false},
		{"false where nothing is", "{}", "a: false", false},
		{"nothing wanted", "{}", "a: null", true},
		{"an empty text, which the Go type has", "{}", "a: ''", true},
		{"an empty map", "{}", "a: {}", true},
		{"a map for a text", "a: b", "a: {c: d}", false},
		{"a rule more", "a: [{x: 1}, {y: 2}]", "a: [{x: 1}]", false},
		{"a rule other", "a: [{y: 2}]", "a: [{x: 1}]", false},
		{"a rule with a default", "a: [{x: 1, y: 2}]", "a: [{x: 1}]", true},
		{"a container more", "a: [{name: other}, {name: c, x: 1}]", "a: [{name: c, x: 1}]", true},
		{"a container other", "a: [{name: c, x: 2}]", "a: [{name: c, x: 1}]", false},
		{"two mounts of one volume", "a: [{name: v, p: 1}, {name: v, p: 2}]", "a: [{name: v, p: 2}, {name: v, p: 1}]", true},
		{"a container removed", "a: []", "a: [{name: c}]", false},
		{"a label more in a selector", "selector: {a: b, none: such}", "selector: {a: b}", false},
		{"a peer opened to all namespaces", "ingress: [{from: [{p: {}, n: {}}]}]", "ingress: [{from: [{p: {}}]}]", false},
		{"a word other", "a: [x, z]", "a: [x, y]", false},
	} {
		var have, want any
		if err := yaml.Unmarshal([]byte(test.have), &have); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		if got := covers(have, want); got != test.ok {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

// The first repairs are free, then they come at longer and longer intervals.
func TestRepairsOfAFight(t *testing.T) {
	r := repairs{}
	now, last, done := noon, noon, 0
	for n := 0; now.Before(noon.Add(time.Hour)); n++ {
		wait, fight := r.wait("Service x", fmt.Sprint("version ", n), now)
		if wait == 0 {
			done++
			last = now
			continue // the other writer is at once
		}
		if !fight || now.Sub(last) > maxBackoff {
			t.Fatalf("at %s: fight %t, last repair %s ago", now.Sub(noon), fight, now.Sub(last))
		}
		now = now.Add(wait)
	}
	if done < 10 || done > freeRepairs+18 {
		t.Errorf("%d repairs in an hour", done)
	}
	if wait, _ := r.wait("Service y", "", now); wait != 0 {
		t.Errorf("another object waits %s", wait)
	}
	if wait, _ := r.wait("Service x", "much later", now.Add(repairMemory)); wait != 0 || r["Service x"].count != 1 {
		t.Errorf("a fight is not forgotten: %s, %+v", wait, r)
	}
}

// While the cache shows what was just repaired, it is not repaired again.
func TestRepairThatTheCacheDoesNotShow(t *testing.T) {
	r := repairs{}
	for i, step := range []struct{ after, want time.Duration }{
		{0, 0}, {time.Second, firstBackoff - time.Second}, {firstBackoff, 0},
	} {
		if wait, fight := r.wait("Service x", "Service x (missing)", noon.Add(step.after)); wait != step.want || fight {
			t.Errorf("step %d: %s, %t", i, wait, fight)
		}
	}
}
