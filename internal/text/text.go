// Package text makes what others wrote fit to be stored and shown.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounded is a text that others wrote, made fit to be stored: printable, and at
// most limit bytes of it in whole characters. The start of a text says what it is
// about, and the end of a log what went wrong: what does not fit is cut between.
func Bounded(text string, limit int) string {
	const gap = " ... "
	text = strings.TrimSpace(Printable(text))
	if len(text) <= limit {
		return text
	}
	head, tail := limit/4, len(text)-(limit-limit/4-len(gap))
	for !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + gap + text[tail:]
}

// Printable replaces what a terminal would act on and what YAML can't have: one
// such object makes kubectl fail for a whole list. That is control characters,
// invisible ones and those that change the direction of writing, and bytes that
// are no UTF-8. A run of them becomes one replacement character; ends of lines
// stay, and all kinds of spaces are one.
func Printable(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var out strings.Builder
	replaced := false
	for _, char := range text {
		switch {
		case char == '\n' || char == '\r':
			char = '\n'
		case char == '\t' || unicode.Is(unicode.Zs, char):
			char = ' '
		case !unicode.IsPrint(char):
			char = utf8.RuneError
		}
		if char != utf8.RuneError || !replaced {
			out.WriteRune(char)
		}
		replaced = char == utf8.RuneError
	}
	return out.String()
}
