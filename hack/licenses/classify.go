package main

import "strings"

// allowed are licences that ask for no more than to be passed on, or, as MPL-2.0, for changes of the module itself, of which
// there are none here.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// marks are sentences by which a licence is known.
var marks = []struct{ identifier, text string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"MIT", "permission is hereby granted free of charge to any person obtaining a copy"},
	{"ISC", "permission to use copy modify and/or distribute this software for any purpose with or without fee"},
	{"ISC", "permission to use copy modify and distribute this software for any purpose with or without fee"},
	{"GPL", "everyone is permitted to copy and distribute verbatim copies of this license document"},
	{"Unlicense", "this is free and unencumbered software released into the public domain"},
}

// classify are the SPDX identifiers of the licences in a text; none: it has none that is known.
func classify(text string) []string {
	words := strings.Join(strings.Fields(strings.NewReplacer(",", "", "*", "", "#", "", "//", "").Replace(strings.ToLower(text))), " ")
	var found []string
	for _, mark := range marks {
		if strings.Contains(words, mark.text) {
			found = append(found, mark.identifier)
		}
	}
	if strings.Contains(words, "redistribution and use in source and binary forms") {
		if strings.Contains(words, "neither the name") || strings.Contains(words, "may not be used to endorse") {
			return append(found, "BSD-3-Clause")
		}
		return append(found, "BSD-2-Clause")
	}
	return found
}
