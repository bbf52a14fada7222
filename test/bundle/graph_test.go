package bundle

import (
	"fmt"

	"github.com/blang/semver/v4"
)

// line is an error unless the entries are one line of upgrades: one head, and
// edges that agree with each other. Since each goes to an older version, there
// is no loop, and all others are reached from the head.
func line(entries []entry) error {
	byName := map[string]entry{}
	for _, e := range entries {
		byName[e.Name] = e
	}
	for _, e := range entries {
		if err := agree(e, byName); err != nil {
			return err
		}
	}
	if heads := heads(entries); len(heads) != 1 {
		return fmt.Errorf("the heads are %v, want one", heads)
	}
	return nil
}

// heads are the entries that no other one upgrades from.
func heads(entries []entry) []string {
	followed := map[string]bool{}
	for _, e := range entries {
		for _, older := range edges(e) {
			followed[older] = true
		}
	}
	var names []string
	for _, e := range entries {
		if !followed[e.Name] {
			names = append(names, e.Name)
		}
	}
	return names
}

// edges are the entries that one upgrades from.
func edges(e entry) []string {
	older := e.Skips
	if e.Replaces != "" {
		older = append([]string{e.Replaces}, older...)
	}
	return older
}

// agree is an error unless what the entry follows is there and older, and in
// its skipRange if it has one.
func agree(e entry, byName map[string]entry) error {
	takes := func(semver.Version) bool { return true }
	if e.SkipRange != "" {
		parsed, err := semver.ParseRange(e.SkipRange)
		if err != nil {
			return fmt.Errorf("%s: skipRange %q: %w", e.Name, e.SkipRange, err)
		}
		if takes = parsed; takes(version(e.Name)) {
			return fmt.Errorf("skipRange %q takes %s itself", e.SkipRange, e.Name)
		}
	}
	for _, older := range edges(e) {
		switch _, there := byName[older]; {
		case !there:
			return fmt.Errorf("%s follows %s, which is not in the channel", e.Name, older)
		case version(older).GTE(version(e.Name)):
			return fmt.Errorf("%s follows %s, which is newer", e.Name, older)
		case !takes(version(older)):
			return fmt.Errorf("%s follows %s, which its skipRange %q does not take", e.Name, older, e.SkipRange)
		}
	}
	return nil
}
