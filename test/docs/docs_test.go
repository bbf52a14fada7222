// Package docs tests the Markdown files: that links lead somewhere, that each file can be found, and that what they name is
// there.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// generated are folders that are not of the repository.
var generated = []string{".git", "bin", "dist", ".cluster", "coverage"}

// page is a Markdown file.
type page struct {
	path    string // from the root
	text    string // without blocks and spans of code
	anchors map[string]bool
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	span    = regexp.MustCompile("`[^`\n]+`")
	heading = regexp.MustCompile(`(?m)^#+ +(.+?) *#*$`)
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\))?)\)`)
	target  = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]: +(\S+)`)
	named   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	markup  = regexp.MustCompile("\\[([^\\]]*)\\]\\([^)]*\\)|[`*]")
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	words := strings.ToLower(markup.ReplaceAllString(heading, "$1"))
	return strings.ReplaceAll(dropped.ReplaceAllString(words, ""), " ", "-")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// files are the repository's files with an ending, from the root.
func files(t *testing.T, ending string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(generated, relative) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ending) && entry.Type().IsRegular() {
			found = append(found, filepath.ToSlash(relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func newPage(path, text string) page {
	p := page{path: path, anchors: map[string]bool{}}
	prose := fence.ReplaceAllString(text, "")
	for _, found := range heading.FindAllStringSubmatch(prose, -1) {
		name := anchor(found[1])
		for n, first := 1, name; p.anchors[name]; n++ {
			name = first + "-" + string(rune('0'+n))
		}
		p.anchors[name] = true
	}
	for _, found := range named.FindAllStringSubmatch(prose, -1) {
		p.anchors[found[1]] = true
	}
	p.text = span.ReplaceAllString(prose, "")
	return p
}

func pages(t *testing.T) map[string]page {
	t.Helper()
	all := map[string]page{}
	for _, path := range files(t, ".md") {
		all[path] = newPage(path, read(t, path))
	}
	if len(all) < 10 {
		t.Fatalf("found only %d pages", len(all))
	}
	return all
}

// links are the targets of a page's links.
func (p page) links() []string {
	var all []string
	for _, pattern := range []*regexp.Regexp{link, target} {
		for _, found := range pattern.FindAllStringSubmatch(p.text, -1) {
			all = append(all, found[1])
		}
	}
	return all
}

// broken says what is wrong with a link of a page; empty: nothing, or it leads out of the repository.
func broken(from page, to string, all map[string]page) string {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return ""
	}
	file, fragment, _ := strings.Cut(to, "#")
	path := from.path
	if file != "" {
		path = filepath.ToSlash(filepath.Join(filepath.Dir(from.path), file))
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil || strings.HasPrefix(path, "..") {
		return "there is no " + path
	}
	if there, isPage := all[path]; fragment != "" && isPage && !there.anchors[fragment] {
		return path + " has no heading #" + fragment
	}
	return ""
}

func TestLinks(t *testing.T) {
	all := pages(t)
	links := 0
	for _, p := range all {
		for _, to := range p.links() {
			links++
			if wrong := broken(p, to, all); wrong != "" {
				t.Errorf("%s: link to %s: %s", p.path, to, wrong)
			}
		}
	}
	if links < 50 {
		t.Errorf("found only %d links", links)
	}
}

// A page that no other one leads to is found by nobody. GitHub itself shows some.
func TestPagesAreLinked(t *testing.T) {
	all := pages(t)
	linked := map[string]bool{"README.md": true}
	for _, p := range all {
		for _, to := range p.links() {
			file, _, _ := strings.Cut(to, "#")
			path := filepath.ToSlash(filepath.Join(filepath.Dir(p.path), file))
			if file != "" && path != p.path {
				linked[path] = true
				linked[path+"/README.md"] = true // a folder shows it
			}
		}
	}
	for path := range all {
		if !linked[path] {
			t.Errorf("no page leads to %s", path)
		}
	}
}

// The checks above find what they are for.
func TestBrokenLinksAreFound(t *testing.T) {
	there := newPage("docs/there.md", "# Twice\n## Twice\n## `a` & b: C_d, e-f\n```sh\n# no heading\n```\n<a id=\"own\"></a>\n")
	all := map[string]page{there.path: there}
	from := newPage("README.md", "[a](docs/there.md) `[b](nowhere.md)`\n[c]: docs/there.md#twice\n")
	all[from.path] = from
	if got := from.links(); !slices.Equal(got, []string{"docs/there.md", "docs/there.md#twice"}) {
		t.Errorf("links %v", got)
	}
	for to, want := range map[string]bool{
		"nowhere.md": true, "../outside.md": true, "docs/": false, "https://example.com/x": false,
		"docs/api-reference.md": false, "#twice": true,
	} {
		if got := broken(from, to, all) != ""; got != want {
			t.Errorf("%s is broken: %v, want %v", to, got, want)
		}
	}
	for name, want := range map[string]bool{
		"twice": true, "twice-1": true, "twice-2": false, "a--b-c_d-e-f": true, "no-heading": false, "own": true,
	} {
		if there.anchors[name] != want {
			t.Errorf("#%s is there: %v, want %v; there are %v", name, there.anchors[name], want, there.anchors)
		}
	}
}
