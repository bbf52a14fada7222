// Package registry is the cluster's image registry: go-containerregistry's, with
// its manifests kept on disk beside its blobs, so that a restart loses nothing.
package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// Server serves a registry from a folder.
type Server struct {
	dir     string
	handler http.Handler
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
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
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
	answer := &answer{header: w.Header()}
	s.handler.ServeHTTP(answer, r)
	if answer.ok() {
		// Kept before the client gets the answer: what was acknowledged is not lost.
		if err := s.keep(r, body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(answer.code())
	_, _ = w.Write(answer.body.Bytes()) // a client that went away is no concern of the registry
}

// answer holds an answer back.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *answer) ok() bool                    { return a.code() < 300 }

// code is 200 where the handler names none, as with net/http.
func (a *answer) code() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
