package main

import (
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	all := &result{}
	for i := range 300 {
		all.installed = append(all.installed, time.Duration(i+1)*time.Second)
	}
	for percent, want := range map[int]time.Duration{10: 30 * time.Second, 50: 150 * time.Second, 99: 297 * time.Second, 100: 300 * time.Second} {
		if got := all.ready(percent); got != want {
			t.Errorf("p%d: %s", percent, got)
		}
	}
	one := &result{installed: []time.Duration{time.Second}}
	if one.ready(1) != time.Second {
		t.Error("of one, it is the first")
	}
}
