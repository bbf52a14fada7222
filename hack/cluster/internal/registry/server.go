// Package registry is the cluster's image registry: go-containerregistry's, with
// its manifests kept on disk beside its blobs, so that a restart loses nothing.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// Server serves a registry from a folder.
type Server struct {
	dir     string
	handler http.Handler
}

// manifest is a PUT of a manifest, as it is kept.
type manifest struct {
	Path        string
	ContentType string
	Body        []byte
	Pushed      time.Time
}

// New opens the registry in a folder, which it makes where there is none.
func New(dir string) (*Server, error) {
	s := &Server{dir: dir}
	for _, sub := range []string{"blobs", "manifests"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the registry's folder: %w", err)
		}
	}
	s.handler = ggcr.New(
		ggcr.WithBlobHandler(ggcr.NewDiskBlobHandler(filepath.Join(dir, "blobs"))),
		ggcr.Logger(log.New(io.Discard, "", 0)), // it writes a line for each request
	)
	return s, s.replay()
}

// Serve serves with TLS until ctx ends.
func (s *Server) Serve(ctx context.Context, address, certFile, keyFile string) error {
	server := &http.Server{Addr: address, Handler: s, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.ListenAndServeTLS(certFile, keyFile); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the registry at %s: %w", address, err)
	}
	return nil
}

// ServeHTTP keeps manifests that are pushed, and forgets those that are deleted.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/manifests/") || (r.Method != http.MethodPut && r.Method != http.MethodDelete) {
		s.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, r)
	if recorder.Code < 300 {
		if err := s.keep(r, body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for key, values := range recorder.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(recorder.Code)
	w.Write(recorder.Body.Bytes()) // the client that went away is no concern of the registry
}

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
		request := httptest.NewRequest(http.MethodPut, "http://registry"+m.Path, bytes.NewReader(m.Body))
		request.Header.Set("Content-Type", m.ContentType)
		recorder := httptest.NewRecorder()
		s.handler.ServeHTTP(recorder, request)
		if recorder.Code >= 300 {
			return fmt.Errorf("take up the manifest %s again: %s", m.Path, recorder.Body)
		}
	}
	return nil
}
