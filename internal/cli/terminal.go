package cli

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Terminal returns the file descriptor of a stream that is a terminal.
func Terminal(stream any) (int, bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(file.Fd())
	return fd, term.IsTerminal(fd)
}

// Untrusted returns a writer for what others wrote, as logs: a terminal gets it without what it would obey, a file or a
// pipe gets it as it is.
func Untrusted(to io.Writer) io.Writer {
	if _, is := Terminal(to); is {
		return &printableWriter{to: to}
	}
	return to
}

// printableWriter replaces control characters, other than newlines and tabs, and what is not UTF-8.
type printableWriter struct {
	to io.Writer
	// begun is a character whose other bytes have not come yet.
	begun []byte
}

func (w *printableWriter) Write(data []byte) (int, error) {
	text := slices.Concat(w.begun, data)
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if last := text[len(text)-back:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole = len(text) - back
			}
			break
		}
	}
	if _, err := io.WriteString(w.to, strings.Map(printable, string(text[:whole]))); err != nil {
		return 0, err
	}
	w.begun = text[whole:]
	return len(data), nil
}

func printable(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	return withoutControls(r)
}
