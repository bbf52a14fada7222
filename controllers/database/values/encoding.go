package values

import "strings"

// EncodingAliases maps the names under which PostgreSQL knows the encodings of a server to its own name for each. It is the
// table of character sets in PostgreSQL's documentation with the further spellings in its encnames.c; encodings that
// only a client may use (BIG5, GB18030, GBK, JOHAB, SJIS, SHIFT_JIS_2004, UHC) are left out.
//
// The rule on spec.encoding in the API holds the same names.
var EncodingAliases = map[string]string{
	"euccn":        "EUC_CN",
	"eucjis2004":   "EUC_JIS_2004",
	"eucjp":        "EUC_JP",
	"euckr":        "EUC_KR",
	"euctw":        "EUC_TW",
	"iso88595":     "ISO_8859_5",
	"iso88596":     "ISO_8859_6",
	"iso88597":     "ISO_8859_7",
	"iso88598":     "ISO_8859_8",
	"koi8":         "KOI8R",
	"koi8r":        "KOI8R",
	"koi8u":        "KOI8U",
	"iso88591":     "LATIN1",
	"latin1":       "LATIN1",
	"iso88592":     "LATIN2",
	"latin2":       "LATIN2",
	"iso88593":     "LATIN3",
	"latin3":       "LATIN3",
	"iso88594":     "LATIN4",
	"latin4":       "LATIN4",
	"iso88599":     "LATIN5",
	"latin5":       "LATIN5",
	"iso885910":    "LATIN6",
	"latin6":       "LATIN6",
	"iso885913":    "LATIN7",
	"latin7":       "LATIN7",
	"iso885914":    "LATIN8",
	"latin8":       "LATIN8",
	"iso885915":    "LATIN9",
	"latin9":       "LATIN9",
	"iso885916":    "LATIN10",
	"latin10":      "LATIN10",
	"muleinternal": "MULE_INTERNAL",
	"sqlascii":     "SQL_ASCII",
	"unicode":      "UTF8",
	"utf8":         "UTF8",
	"alt":          "WIN866",
	"win866":       "WIN866",
	"windows866":   "WIN866",
	"win874":       "WIN874",
	"windows874":   "WIN874",
	"win1250":      "WIN1250",
	"windows1250":  "WIN1250",
	"win":          "WIN1251",
	"win1251":      "WIN1251",
	"windows1251":  "WIN1251",
	"win1252":      "WIN1252",
	"windows1252":  "WIN1252",
	"win1253":      "WIN1253",
	"windows1253":  "WIN1253",
	"win1254":      "WIN1254",
	"windows1254":  "WIN1254",
	"win1255":      "WIN1255",
	"windows1255":  "WIN1255",
	"win1256":      "WIN1256",
	"windows1256":  "WIN1256",
	"win1257":      "WIN1257",
	"windows1257":  "WIN1257",
	"abc":          "WIN1258",
	"tcvn":         "WIN1258",
	"tcvn5712":     "WIN1258",
	"vscii":        "WIN1258",
	"win1258":      "WIN1258",
	"windows1258":  "WIN1258",
}

// CanonicalEncoding returns PostgreSQL's own name for an encoding, and whether a server knows it. As PostgreSQL does, it
// looks neither at the case nor at hyphens and underscores. Empty is the API's default, for an object that was stored
// before there was one.
func CanonicalEncoding(name string) (string, bool) {
	if name == "" {
		name = "UTF8"
	}
	canonical, known := EncodingAliases[strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))]
	return canonical, known
}
