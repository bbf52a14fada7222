package db

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scrubber removes passwords from texts: those that it knows, in each form that they may have there, and what looks
// like one in SQL and in URIs.
type scrubber struct {
	forms []string
	// spaced is the password with other space between its words, as after a line break was indented, or made a space.
	spaced      *regexp.Regexp
	replacement string
}

// newScrubber returns one that knows a password, or none if it is empty.
func newScrubber(password string) *scrubber {
	s := &scrubber{}
	if password != "" {
		s.forms = formsOf(password)
		if trimmed := strings.TrimFunc(password, isGap); trimmed != password && len(trimmed) >= minimalPart {
			s.forms = append(s.forms, formsOf(trimmed)...)
		}
		// The longest first: a shorter one may be a part of it.
		slices.SortFunc(s.forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
		s.forms = slices.Compact(s.forms)
		if words := strings.FieldsFunc(password, isGap); len(words) > 1 && utf8.ValidString(password) {
			for i := range words {
				words[i] = regexp.QuoteMeta(words[i])
			}
			s.spaced = regexp.MustCompile(strings.Join(words, `[\s\x00-\x1f\x{7f}-\x{9f}]+`))
		}
	}
	s.replacement = replacementFor(s.forms)
	return s
}

// minimalPart is how long a part of a password or of its base64 must be to be looked for on its own: shorter ones are
// in many texts.
const minimalPart = 6

// isGap reports whether a character may have become a space.
func isGap(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// formsOf are the forms in which a password may be in a text.
func formsOf(password string) []string {
	forms := []string{
		password,
		strings.ReplaceAll(password, "'", "''"), // SQL, YAML
		strings.ReplaceAll(password, "'", `'\''`),
		strings.ReplaceAll(strings.ReplaceAll(password, `\`, `\\`), "'", `\'`), // libpq
		strings.ReplaceAll(password, "\n", "\n\t"),                             // PostgreSQL's log
		url.QueryEscape(password), url.PathEscape(password), percentEncoded(password),
	}
	for _, quoted := range []string{strconv.Quote(password), strconv.QuoteToASCII(password), jsonQuoted(password)} {
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(password)))
		for shift := range 3 {
			if part := withinBase64(encoding, password, shift); len(part) >= minimalPart {
				forms = append(forms, part)
			}
		}
	}
	return forms
}

// withinBase64 is what the base64 of a longer text has of a password that begins shift bytes after a multiple of three:
// without the characters that depend on what is beside it.
func withinBase64(encoding *base64.Encoding, password string, shift int) string {
	encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + password))
	first := (shift*8 + 5) / 6
	last := (shift + len(password)) * 8 / 6
	return encoded[min(first, last):last]
}

// percentEncoded encodes everything but RFC 3986's unreserved characters, as the operator does in the binding.
func percentEncoded(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func jsonQuoted(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return strconv.Quote(text)
	}
	return string(quoted)
}

// replacementFor returns a text of a character that no form has, so that nothing that is left can join it to a form.
func replacementFor(forms []string) string {
	for _, character := range "*#x~█▒◆" {
		if !slices.ContainsFunc(forms, func(form string) bool { return strings.ContainsRune(form, character) }) {
			return strings.Repeat(string(character), 3)
		}
	}
	return "\ufffd"
}

var (
	// sqlPassword is a password in a statement, as the server logs it: ALTER ROLE wp PASSWORD '...'.
	sqlPassword = regexp.MustCompile(`(?i)(password\s+(?:=\s*)?)(?:E|U&)?'(?:[^'\\]|''|\\.)*'?`)
	// sqlDollarPassword is one between dollars, which may have a tag.
	sqlDollarPassword = regexp.MustCompile(`(?is)(password\s+)\$\w*\$.*?\$\w*\$`)
	// uriPassword is a password in a URI or in a connection string.
	uriPassword = regexp.MustCompile(`(\w://[^\s:/@]*:)[^\s/@]*@`)
	keyPassword = regexp.MustCompile(`(?i)\b((?:pg)?passw(?:or)?d=)(?:'(?:[^'\\]|\\.)*'?|[^\s&'"]+)`)
)

// text returns a text without passwords.
func (s *scrubber) text(text string) string {
	text = s.known(text)
	for _, pattern := range []*regexp.Regexp{sqlPassword, sqlDollarPassword, keyPassword} {
		text = pattern.ReplaceAllString(text, "${1}"+s.replacement)
	}
	text = uriPassword.ReplaceAllString(text, "${1}"+s.replacement+"@")
	return s.known(text)
}

// known replaces the password that is known.
func (s *scrubber) known(text string) string {
	for _, form := range s.forms {
		text = strings.ReplaceAll(text, form, s.replacement)
	}
	if s.spaced != nil {
		text = s.spaced.ReplaceAllLiteralString(text, s.replacement)
	}
	return text
}

// object removes passwords from the texts of an object, before these are quoted or folded by the encoding of a file.
func (s *scrubber) object(object *unstructured.Unstructured) {
	// It has the whole spec as it was last applied, maybe with an earlier password.
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", corev1.LastAppliedConfigAnnotation)
	unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
	_, found, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", "password")
	if found && object.GetKind() == "Database" {
		_ = unstructured.SetNestedField(object.Object, s.replacement, "spec", "password")
	}
	object.Object, _ = s.value(object.Object).(map[string]any)
}

func (s *scrubber) value(value any) any {
	switch value := value.(type) {
	case string:
		return s.text(value)
	case []any:
		for i := range value {
			value[i] = s.value(value[i])
		}
		return value
	case map[string]any:
		scrubbed := make(map[string]any, len(value))
		for key := range value {
			scrubbed[s.known(key)] = s.value(value[key])
		}
		return scrubbed
	default:
		return value
	}
}
