package db

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/cnat-operator/internal/cli"
)

// hidden tests that no form of a password is in a text.
func hidden(t *testing.T, text, password string) {
	t.Helper()
	for name, form := range map[string]string{
		"plain":            password,
		"base64":           base64.StdEncoding.EncodeToString([]byte(password)),
		"base64 for URLs":  base64.URLEncoding.EncodeToString([]byte(password)),
		"base64, unpadded": base64.RawStdEncoding.EncodeToString([]byte(password)),
		"percent-encoded":  url.PathEscape(password),
		"in a query":       url.QueryEscape(password),
		"quoted for SQL":   strings.ReplaceAll(password, "'", "''"),
		"quoted":           strings.Trim(strconv.Quote(password), `"`),
		"indented":         strings.Join(strings.Fields(password), " "),
	} {
		text := text
		if name == "indented" { // as a block of YAML is, or on one line
			if len(strings.Fields(password)) < 2 {
				continue
			}
			text = strings.Join(strings.Fields(text), " ")
		}
		if i := strings.Index(text, form); i >= 0 {
			t.Errorf("%s, it is in %q", name, text[max(0, i-80):min(len(text), i+len(form)+20)])
		}
	}
}

func TestScrubberRemovesEachForm(t *testing.T) {
	for _, password := range []string{"secret", hardPassword, "***", "a", "*#x~█▒◆", "x\n", " spaces ", "äöü", "REDACTED", "\xff\xfe\xfd", "\xff \xfe", "$1 ${1}", "\x1bsecret\u0085word"} {
		scrub := newScrubber(password)
		for form, text := range map[string]string{
			"plain":         password,
			"twice":         password + password,
			"within itself": password[:len(password)/2] + password + password[len(password)/2:],
			"SQL":           "ALTER ROLE wp PASSWORD '" + strings.ReplaceAll(password, "'", "''") + "'",
			"Go":            strconv.Quote(password),
			"JSON":          jsonQuoted(password),
			"base64":        base64.StdEncoding.EncodeToString([]byte(password)),
			"URI":           "postgresql://wp:" + percentEncoded(password) + "@host/shop",
			"query":         "?password=" + url.QueryEscape(password) + "&x=y",
			"on a terminal": cli.Printable(password),
			"log":           "LOG:  statement: '" + strings.ReplaceAll(password, "\n", "\n\t") + "'",
		} {
			got := scrub.text("before " + text + " after")
			if strings.Contains(got, password) {
				t.Errorf("password %q, %s: got %q", password, form, got)
			}
			printable := strings.TrimSpace(cli.Printable(password))
			if utf8.ValidString(password) && len(printable) >= minimalPart && strings.Contains(got, printable) {
				t.Errorf("password %q, %s: got %q", password, form, got)
			}
			if password != "a" && password != "***" {
				hidden(t, got, password)
			}
			if len(password) > 1 && !strings.HasPrefix(got, "before ") {
				t.Errorf("password %q, %s: got %q", password, form, got)
			}
		}
	}
}

// The base64 of a whole URI has the password at any of three alignments.
func TestScrubberRemovesWhatIsWithinBase64(t *testing.T) {
	const password = "correct horse battery"
	scrub := newScrubber(password)
	for _, before := range []string{"", "a", "ab", "abc", "postgresql://wp:"} {
		for _, after := range []string{"", "z", "yz", "@host"} {
			text := base64.StdEncoding.EncodeToString([]byte(before + password + after))
			got := scrub.text(text)
			if !strings.Contains(got, scrub.replacement) {
				t.Fatalf("%q: got %q", text, got)
			}
			for _, part := range strings.Split(got, scrub.replacement) {
				if decoded, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(part, "=")); strings.Contains(string(decoded), "horse") {
					t.Errorf("%q: got %q, with %q", text, got, decoded)
				}
			}
		}
	}
}

// Passwords that nobody knows are found by what is beside them.
func TestScrubberRemovesWhatLooksLikeAPassword(t *testing.T) {
	scrub := newScrubber("")
	for text, want := range map[string]string{
		`LOG:  statement: ALTER ROLE wp WITH LOGIN PASSWORD 'it''s' VALID UNTIL 'x'`: `LOG:  statement: ALTER ROLE wp WITH LOGIN PASSWORD *** VALID UNTIL 'x'`,
		`create user a encrypted password E'a\'b';`:                                  `create user a encrypted password ***;`,
		"ALTER ROLE a PASSWORD 'cut off":                                             "ALTER ROLE a PASSWORD ***",
		"ALTER ROLE a PASSWORD $x$it's$x$;":                                          "ALTER ROLE a PASSWORD ***;",
		"connect to postgresql://wp:a%27b@host:5432/shop":                            "connect to postgresql://wp:***@host:5432/shop",
		"host=h password='a b' user=u":                                               "host=h password=*** user=u",
		"PGPASSWORD=abc psql":                                                        "PGPASSWORD=*** psql",
		"jdbc:postgresql://h/d?user=u&password=a%27&ssl=1":                           "jdbc:postgresql://h/d?user=u&password=***&ssl=1",
		`FATAL:  password authentication failed for user "wp"`:                       `FATAL:  password authentication failed for user "wp"`,
		"image: docker.io/library/postgres@sha256:abc":                               "image: docker.io/library/postgres@sha256:abc",
	} {
		if got := scrub.text(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
