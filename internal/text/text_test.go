package text

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

func TestBounded(t *testing.T) {
	tests := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"fits":                       {"  ab\n", 4, "ab"},
		"too long":                   {"import failed: " + strings.Repeat("x", 50) + " disk full", 40, "import fai ... xxxxxxxxxxxxxxx disk full"},
		"cut in whole characters":    {strings.Repeat("ä", 30), 40, "äääää ... ääääääääääää"},
		"lines stay":                 {"a\r\nb\nc\rd", 40, "a\nb\nc\nd"},
		"spaces are one":             {"a\tb\u00a0c\u3000d", 40, "a b c d"},
		"NUL":                        {"a\x00\x00b", 40, "a\uFFFDb"},
		"terminal's colours":         {"\x1b[31mred", 40, "\uFFFD[31mred"},
		"C1 control characters":      {"a\u009bb", 40, "a\uFFFDb"},
		"another direction":          {"a\u202eb\u2066c", 40, "a\uFFFDb\uFFFDc"},
		"invisible":                  {"a\u200bb\ufeffc", 40, "a\uFFFDb\uFFFDc"},
		"no UTF-8":                   {"a\xff\xfeb", 40, "a\uFFFDb"},
		"private and not characters": {"a\ue000b\ufffec", 40, "a\uFFFDb\uFFFDc"},
		"other scripts":              {"Größe 尺寸 حجم 🚀", 40, "Größe 尺寸 حجم 🚀"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Bounded(test.text, test.limit); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Whatever bytes a container writes, what is stored of them can be read.
func TestBoundedOfRandomBytes(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	for range 100 {
		bytes := make([]byte, 6000)
		_, _ = random.Read(bytes) // never fails
		got := Bounded(string(bytes), 4096)
		if len(got) > 4096 || !utf8.ValidString(got) {
			t.Fatalf("%d bytes, or invalid: %q", len(got), got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) && r != utf8.RuneError }); i >= 0 {
			t.Fatalf("not printable at %d: %q", i, got[i:])
		}
		if _, err := yaml.YAMLToJSON([]byte("message: |-\n  " + strings.ReplaceAll(got, "\n", "\n  "))); err != nil {
			t.Fatal(err)
		}
	}
}
