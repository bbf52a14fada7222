package bundle

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver/v4"
)

// In each channel every older version reaches the newest, and by one step where the newest names it.
func TestEachVersionReachesTheNewest(t *testing.T) {
	for _, channel := range catalog(t)["olm.channel"] {
		newest := heads(channel.Entries)[0]
		for _, installed := range channel.Entries {
			if installed.Name == newest {
				continue
			}
			got := upgrades(channel.Entries, installed.Name)
			if len(got) == 0 || got[len(got)-1] != newest {
				t.Errorf("%s: from %s there is only %v, want an end at %s", channel.Name, installed.Name, got, newest)
			}
		}
	}
}

// What was released upgrades to the newest version in one step, without what came between.
func TestEachReleaseUpgradesDirectly(t *testing.T) {
	folders, err := filepath.Glob("../../released/*/bundle")
	if err != nil || len(folders) < 2 {
		t.Fatalf("released are %v: %v", folders, err)
	}
	newest := load(t, folder).CSV.Name
	for _, channel := range catalog(t)["olm.channel"] {
		if heads(channel.Entries)[0] != newest {
			continue // it has not been promoted
		}
		for _, folder := range folders {
			installed := load(t, folder).CSV.Name
			if got := upgrades(channel.Entries, installed); !slices.Equal(got, []string{newest}) {
				t.Errorf("%s: from %s by %v, want %s directly", channel.Name, installed, got, newest)
			}
		}
	}
}

func TestUpgrades(t *testing.T) {
	entries := []entry{
		{Name: "x.v1.0.0"},
		{Name: "x.v1.1.0", Replaces: "x.v1.0.0"},
		{Name: "x.v1.2.0", Replaces: "x.v1.1.0", SkipRange: ">=1.0.5 <1.2.0"},
		{Name: "x.v1.3.0", Replaces: "x.v1.2.0", Skips: []string{"x.v1.1.0"}},
	}
	for installed, want := range map[string]string{
		"x.v1.0.0": "x.v1.1.0 x.v1.3.0", // the newest skips the version between
		"x.v1.1.0": "x.v1.3.0",
		"x.v1.2.0": "x.v1.3.0",
		"x.v1.3.0": "",
		"x.v1.0.7": "x.v1.2.0 x.v1.3.0", // taken out of the channel, and in a range
		"x.v0.9.0": "",
	} {
		if got := strings.Join(upgrades(entries, installed), " "); got != want {
			t.Errorf("from %s: %q, want %q", installed, got, want)
		}
	}
}

// A version is in candidate before it is in fast, and in fast before it is in stable.
func TestCandidateGetsAVersionFirst(t *testing.T) {
	if err := promoted(catalog(t)["olm.channel"]); err != nil {
		t.Error(err)
	}
}

func TestPromoted(t *testing.T) {
	all := []string{"x.v1.0.0", "x.v1.1.0"}
	tests := map[string]struct {
		candidate, fast, stable []string
		want                    string // part of the error
	}{
		"everywhere":                {all, all, all, ""},
		"new in candidate":          {all, all[:1], all[:1], ""},
		"new in fast":               {all, all, all[:1], ""},
		"stable before fast":        {all, all[:1], all, "stable has x.v1.1.0, which fast has not"},
		"fast before candidate":     {all[:1], all, all[:1], "fast has x.v1.1.0, which candidate has not"},
		"a newer one before it":     {all, all[1:], all[1:], "fast lacks x.v1.0.0, and has a newer version"},
		"a channel that is missing": {all, nil, all[:1], "fast is not there"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var channels []blob
			for channel, names := range map[string][]string{"candidate": test.candidate, "fast": test.fast, "stable": test.stable} {
				var entries []entry
				for _, name := range names {
					entries = append(entries, entry{Name: name})
				}
				if entries != nil {
					channels = append(channels, blob{Name: channel, Entries: entries})
				}
			}
			err := promoted(channels)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// upgrades are the versions by which OLM goes from an installed one, which need not be in the channel: each time to the
// newest that follows it. OLM v0 takes the one that is nearest to the head, OLM v1 the highest version: in one line of
// upgrades these are the same.
func upgrades(entries []entry, installed string) []string {
	var steps []string
	for at := installed; ; {
		next := ""
		for _, e := range entries {
			if follows(e, at) && (next == "" || version(e.Name).GT(version(next))) {
				next = e.Name
			}
		}
		if next == "" || version(next).LTE(version(at)) {
			return steps
		}
		steps, at = append(steps, next), next
	}
}

// follows is whether an entry upgrades from a version.
func follows(e entry, installed string) bool {
	takes, err := semver.ParseRange(e.SkipRange)
	return slices.Contains(edges(e), installed) || err == nil && e.SkipRange != "" && takes(version(installed))
}

// promoted is an error unless each channel has of the one before it all but the newest versions, and nothing else.
func promoted(channels []blob) error {
	var before []entry
	for i, name := range []string{"candidate", "fast", "stable"} {
		at := slices.IndexFunc(channels, func(channel blob) bool { return channel.Name == name })
		if at < 0 {
			return fmt.Errorf("%s is not there", name)
		}
		entries := channels[at].Entries
		if i > 0 {
			if err := promotedFrom(before, entries, name, []string{"candidate", "fast"}[i-1]); err != nil {
				return err
			}
		}
		before = entries
	}
	return nil
}

func promotedFrom(faster, slower []entry, name, from string) error {
	has := func(entries []entry, name string) bool {
		return slices.ContainsFunc(entries, func(e entry) bool { return e.Name == name })
	}
	for _, e := range slower {
		if !has(faster, e.Name) {
			return fmt.Errorf("%s has %s, which %s has not", name, e.Name, from)
		}
	}
	for _, e := range faster {
		if has(slower, e.Name) {
			continue
		}
		for _, newer := range slower {
			if version(newer.Name).GT(version(e.Name)) {
				return fmt.Errorf("%s lacks %s, and has a newer version", name, e.Name)
			}
		}
	}
	return nil
}
