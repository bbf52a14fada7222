package main

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	due := time.Unix(1000, 0)
	tests := map[string]struct {
		log     string
		victims map[string]bool
		want    verdict
	}{
		"once":                  {"a 1000.5\n", nil, verdict{lateness: []time.Duration{500 * time.Millisecond}}},
		"lost":                  {"", nil, verdict{lost: 1}},
		"deleted before it ran": {"", map[string]bool{"a": true}, verdict{}},
		"deleted after it ran":  {"a 1001.0\n", map[string]bool{"a": true}, verdict{}},
		"deleted and run again": {"a 1001.0\na 1002.0\n", map[string]bool{"a": true}, verdict{twice: 1}},
		"twice":                 {"a 1001.0\na 1000.0\n", nil, verdict{twice: 1, lateness: []time.Duration{0}}},
		"early":                 {"a 999.9\n", nil, verdict{early: 1, lateness: []time.Duration{-100 * time.Millisecond}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ran, err := parseRuns(test.log)
			if err != nil {
				t.Fatal(err)
			}
			got := judge(map[string]time.Time{"a": due}, ran, test.victims)
			if got.lost != test.want.lost || got.twice != test.want.twice || got.early != test.want.early || len(got.lateness) != len(test.want.lateness) {
				t.Fatalf("got %+v, want %+v", got, test.want)
			}
			for i := range got.lateness {
				if got.lateness[i] != test.want.lateness[i] {
					t.Errorf("lateness %s, want %s", got.lateness[i], test.want.lateness[i])
				}
			}
		})
	}
}

func TestParseRunsRefusesOtherLines(t *testing.T) {
	if _, err := parseRuns("a\n"); err == nil {
		t.Error("a line without a time was accepted")
	}
}
