package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// manifest is a PUT of a manifest, as it is kept.
type manifest struct {
	Path        string
	ContentType string
	Body        []byte
	Pushed      time.Time
}

// keep keeps a manifest that was pushed, and forgets one that was deleted.
func (s *Server) keep(r *http.Request, body []byte) error {
	name := filepath.Join(s.dir, "manifests", url.QueryEscape(r.URL.Path))
	if r.Method == http.MethodDelete {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget a manifest: %w", err)
		}
		return nil
	}
	data, err := json.Marshal(manifest{r.URL.Path, r.Header.Get("Content-Type"), body, time.Now()})
	if err != nil {
		return fmt.Errorf("encode a manifest: %w", err)
	}
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return fmt.Errorf("keep a manifest: %w", err)
	}
	return os.Rename(name+".new", name)
}

// replay pushes the kept manifests again, in the order in which they came: an
// index is refused before the images that it names.
func (s *Server) replay() error {
	files, err := os.ReadDir(filepath.Join(s.dir, "manifests"))
	if err != nil {
		return fmt.Errorf("list the kept manifests: %w", err)
	}
	var kept []manifest
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".new") {
			continue // broken off
		}
		data, err := os.ReadFile(filepath.Join(s.dir, "manifests", file.Name()))
		if err != nil {
			return fmt.Errorf("read a kept manifest: %w", err)
		}
		var m manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("decode the kept manifest %s: %w", file.Name(), err)
		}
		kept = append(kept, m)
	}
	slices.SortFunc(kept, func(a, b manifest) int { return a.Pushed.Compare(b.Pushed) })
	for _, m := range kept {
		request, err := http.NewRequest(http.MethodPut, (&url.URL{Path: m.Path}).String(), bytes.NewReader(m.Body))
		if err != nil {
			return fmt.Errorf("take up the manifest %s again: %w", m.Path, err)
		}
		request.Header.Set("Content-Type", m.ContentType)
		answer := &answer{header: http.Header{}}
		s.handler.ServeHTTP(answer, request)
		if !answer.ok() {
			return fmt.Errorf("take up the manifest %s again: %s", m.Path, answer.body.String())
		}
	}
	return nil
}
