package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is linked into the programs may be: their licences are known, and ask for no more than is done.
func TestLicensesOfDependencies(t *testing.T) {
	modules, err := linked("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 50 {
		t.Errorf("found only %d modules", len(modules))
	}
	if err := write(io.Discard, modules); err != nil {
		t.Error(err)
	}
}

func TestClassify(t *testing.T) {
	bsd := "Redistribution and use in source and binary\n// forms, with or without modification, are permitted"
	tests := map[string]struct {
		text string
		want []string
	}{
		"Apache":         {"  Apache License\n   Version 2.0, January 2004", []string{"Apache-2.0"}},
		"MIT":            {"Permission is hereby granted, free of charge, to any person\nobtaining a copy", []string{"MIT"}},
		"BSD, two":       {bsd, []string{"BSD-2-Clause"}},
		"BSD, three":     {bsd + " Neither the name of Google Inc.", []string{"BSD-3-Clause"}},
		"both":           {"Apache License, Version 2.0\n" + bsd, []string{"Apache-2.0", "BSD-2-Clause"}},
		"MPL names GPL":  {"Mozilla Public License Version 2.0 ... the GNU General Public License, Version 2.0", []string{"MPL-2.0"}},
		"GPL":            {"Everyone is permitted to copy and distribute verbatim copies\n of this license document", []string{"GPL"}},
		"another's text": {"All rights reserved.", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := classify(test.text); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for name, want := range map[string]string{
		"Everyone is permitted to copy and distribute verbatim copies of this license document": "the licence GPL",
		"All rights reserved.": "no licence that is known",
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "LICENSE.md"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := write(io.Discard, []module{{"example.com/m", "v1.0.0", folder}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
