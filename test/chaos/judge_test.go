package main

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func TestJudge(t *testing.T) {
	due := time.Unix(1000, 0)
	at := func(seconds float64) map[types.UID]time.Time {
		return map[types.UID]time.Time{"a": due.Add(time.Duration(seconds * float64(time.Second)))}
	}
	both := map[types.UID]time.Time{"a": due, "b": due}
	killed := due.Add(time.Minute)
	pods := func(seconds ...int) map[types.UID]time.Time {
		all := map[types.UID]time.Time{}
		for i, second := range seconds {
			all[types.UID(rune('a'+i))] = killed.Add(time.Duration(second) * time.Second)
		}
		return all
	}
	tests := map[string]struct {
		log  string
		seen history
		want verdict
	}{
		"once":                  {"a start 1000.5\na end 1003\n", history{allowed: at(0.1), pods: at(0)}, verdict{}},
		"lost":                  {"", history{}, verdict{lost: 1}},
		"need not run":          {"", history{optional: true}, verdict{}},
		"optional and twice":    {"a start 1001\na start 1002\n", history{optional: true, allowed: at(0)}, verdict{twice: 1, wronglyStopped: 1}},
		"allowed and lost":      {"", history{allowed: at(0.1)}, verdict{lost: 1}},
		"deleted before it ran": {"", history{deleted: true}, verdict{}},
		"deleted as it ran":     {"a start 1001\n", history{deleted: true}, verdict{}},
		"deleted and run again": {"a start 1001\na start 1002\n", history{deleted: true}, verdict{twice: 1}},
		"twice":                 {"a start 1001\na end 1002\na start 1003\na end 1004\n", history{}, verdict{twice: 1}},
		"two Jobs":              {"a start 1001\na end 1002\n", history{allowed: both}, verdict{twice: 1}},
		"two pods":              {"a start 1001\na end 1002\n", history{allowed: at(0), pods: both}, verdict{twice: 1}},
		"a pod created again":   {"a start 1070\na end 1072\na start 1071\na end 1073\n", history{allowed: at(0), pods: pods(-1, 3)}, verdict{podAgain: 1}},
		"three pods":            {"a start 1070\na end 1072\n", history{allowed: at(0), pods: pods(-1, 3, 4)}, verdict{twice: 1}},
		"two Jobs, two pods":    {"a start 1070\na end 1072\n", history{allowed: both, pods: pods(-1, 3)}, verdict{twice: 1}},
		"long before":           {"a start 1070\na end 1072\n", history{allowed: at(0), pods: pods(-6, 3)}, verdict{twice: 1}},
		"both after":            {"a start 1070\na end 1072\n", history{allowed: at(0), pods: pods(1, 3)}, verdict{twice: 1}},
		"early":                 {"a start 999.9\na end 1001\n", history{}, verdict{early: 1}},
		"allowed early":         {"a start 1001\na end 1002\n", history{allowed: at(-0.1)}, verdict{early: 1}},
		"a pod early":           {"a start 1001\na end 1002\n", history{allowed: at(0), pods: at(-1)}, verdict{early: 1}},
		"stopped":               {"a start 1001\n", history{allowed: at(0)}, verdict{wronglyStopped: 1}},
		"a deadline":            {"a start 1001\na end 1002\n", history{limited: true}, verdict{wronglyStopped: 1}},
		"cancelled as it ran":   {"a start 1001\n", history{cancelled: true, limited: true}, verdict{}},
		"cancelled before":      {"", history{neverRun: true}, verdict{}},
		"cancelled and run":     {"a start 1001\na end 1002\n", history{neverRun: true}, verdict{cancelledRan: 1}},
		"cancelled and allowed": {"", history{neverRun: true, allowed: at(0)}, verdict{cancelledRan: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := test.seen
			seen.due = due
			all := map[string]*history{"a": &seen}
			if err := readRuns(test.log, all); err != nil {
				t.Fatal(err)
			}
			got := judge(all, killed)
			if len(got.lateness) != len(seen.allowed) {
				t.Errorf("lateness %v", got.lateness)
			}
			got.lateness = nil
			if got.lost != test.want.lost || got.podAgain != test.want.podAgain || got.twice != test.want.twice || got.early != test.want.early ||
				got.wronglyStopped != test.want.wronglyStopped || got.cancelledRan != test.want.cancelledRan {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestOtherLinesAreAnError(t *testing.T) {
	for _, line := range []string{"a\n", "a start\n", "a start x\n", "a went 1\n", "b start 1\n"} {
		if err := readRuns(line, map[string]*history{"a": {}}); err == nil {
			t.Errorf("%q was accepted", line)
		}
	}
}
