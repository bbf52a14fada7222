package step

import (
	"testing"
	"unicode/utf8"
)

func TestShortened(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"short", "short"},
		{"1234567890", "1234567890"},
		{"12345678901", "1234567..."},
		{"123456éé78", "123456..."},
		{"a\x1b[31m\n", "a\uFFFD[31m\n"},
		{"a\u009b\x7f", "a\uFFFD"},
		{"\xe9t\xe9", "\uFFFDt\uFFFD"},
	} {
		if got := Shortened(test.text, 10); got != test.want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
