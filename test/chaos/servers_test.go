package main

import (
	"slices"
	"testing"
)

func TestShared(t *testing.T) {
	found := []server{{pid: 1, data: "8:1"}, {pid: 2, data: "8:2"}, {pid: 3, data: "8:1"}, {pid: 4, data: "8:1"}}
	if got := shared(found); !slices.Equal(got, []string{"8:1"}) {
		t.Errorf("got %q", got)
	}
	if got := shared(found[:2]); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
