// Package site tests the documentation's site, as a browser shows it.
package site

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/cnat-operator/test/browser"
)

// look looks at all pages in a frame, and reports what is wrong.
//
//go:embed look.js
var look string

// report is what the browser found.
type report struct {
	Pages, Links, Pictures, Searches int
	Dark                             bool
	Problems                         []string
}

// build has the site in a folder, and the paths of its pages.
func build(t *testing.T) (folder string, pages []string) {
	t.Helper()
	if _, err := exec.LookPath("hugo"); err != nil {
		t.Skip("hugo is not installed")
	}
	folder = t.TempDir()
	if output, err := exec.CommandContext(t.Context(), "../../hack/site", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".html") {
			pages = append(pages, strings.TrimPrefix(path, folder))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folder, pages
}

// server serves the site on loopback, and beside it a page that looks at it. That page is loaded once it has reported.
type server struct {
	files http.Handler
	page  string

	lock     sync.Mutex
	found    []byte
	reported chan struct{}
	problems []string
}

func (s *server) note(problem string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.problems = append(s.problems, problem)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.look":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(s.page))
	case "/.refused": // by the policy below
		var refused json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&refused)
		s.note("a page asks for what is not the site's: " + string(refused))
	case "/.report":
		var found json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&found)
		s.found = found
		close(s.reported)
	case "/.reported":
		select {
		case <-s.reported:
		case <-r.Context().Done():
		}
	default:
		// Of a page nothing but the site's own files, and no script or style within it.
		if strings.HasSuffix(r.URL.Path, ".html") {
			w.Header().Set("Content-Security-Policy", "default-src 'self'; report-uri /.refused")
		}
		s.files.ServeHTTP(w, r)
	}
}

func TestSiteInChromium(t *testing.T) {
	folder, pages := build(t)
	list, err := json.Marshal(pages)
	if err != nil {
		t.Fatal(err)
	}
	page := `<!DOCTYPE html><meta name="color-scheme" content="light dark"><iframe></iframe><script>const pages = ` + string(list) + ";" + browser.Contrast + look +
		`</script><img src="/.reported">`
	for _, dark := range []bool{false, true} {
		s := &server{files: http.FileServer(http.Dir(folder)), page: page, reported: make(chan struct{})}
		web := httptest.NewServer(s)
		command := browser.Command(t, dark, "--dump-dom", "--enable-logging=stderr", "--window-size=1400,1000", web.URL+"/.look")
		var log strings.Builder
		command.Stderr = &log
		err := command.Run()
		web.Close()
		var found report
		if err := errors.Join(err, json.Unmarshal(s.found, &found)); err != nil {
			t.Fatalf("%v: %s", err, log.String())
		}
		for line := range strings.Lines(log.String()) {
			if _, message, is := strings.Cut(line, ":CONSOLE:"); is {
				s.problems = append(s.problems, "the console has "+message)
			}
		}
		for _, problem := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(found.Problems, s.problems)))) {
			t.Errorf("dark %t: %s", dark, problem)
		}
		if found.Dark != dark || found.Pages != len(pages) || found.Searches != len(pages) || found.Links < 1000 || found.Pictures < 4 {
			t.Errorf("dark %t: looked at %+v; there are %d pages", dark, found, len(pages))
		}
	}
}
