package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestPrintableWriter(t *testing.T) {
	for name, test := range map[string]struct {
		written []string // one Write each
		want    string
	}{
		"text":                        {[]string{"a line\n\tand more, é漢\n"}, "a line\n\tand more, é漢\n"},
		"what a terminal obeys":       {[]string{"\x1b]0;title\x07 \x1b[2J\r\b\x7f \u009b2J"}, " ]0;title   [2J     2J"},
		"a character in two writes":   {[]string{"\xe6", "\xbc", "\xa2!"}, "漢!"},
		"a control in two writes":     {[]string{"\xc2", "\x9b2J"}, " 2J"},
		"bytes that are no character": {[]string{"a\x9bb\xff", "c"}, "a\ufffdb\ufffdc"},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			writer := &printableWriter{to: &got}
			for _, part := range test.written {
				if n, err := writer.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("wrote %d of %d bytes: %v", n, len(part), err)
				}
			}
			if got.String() != test.want {
				t.Errorf("got %q, want %q", got.String(), test.want)
			}
		})
	}
}

func TestUntrustedLeavesAPipeAlone(t *testing.T) {
	var buffer bytes.Buffer
	if _, err := Untrusted(&buffer).Write([]byte("\x1b[2J")); err != nil || buffer.String() != "\x1b[2J" {
		t.Errorf("got %q, %v", buffer.String(), err)
	}
}
