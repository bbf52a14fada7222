// Package audit reads the API server's audit log of the local cluster, which has the requests of the operator's account.
package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Event is a line of the log.
type Event struct {
	Verb           string
	RequestURI     string
	ObjectRef      *Object
	ResponseStatus struct{ Code int }
	// Code 403 is also the answer of an admission plugin or a quota; the authorizer says forbid itself.
	Annotations map[string]string
}

// Object is what a request was about.
type Object struct{ APIGroup, Resource, Subresource, Namespace, Name string }

// Forbidden reports whether the authorizer refused the request.
func (e *Event) Forbidden() bool { return e.Annotations["authorization.k8s.io/decision"] == "forbid" }

// Read calls do for each event of a log.
func Read(log io.Reader, do func(*Event)) error {
	for decoder := json.NewDecoder(log); ; {
		event := &Event{}
		switch err := decoder.Decode(event); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the last line is being written
			return nil
		case err != nil:
			return fmt.Errorf("reading the audit log: %w", err)
		}
		do(event)
	}
}

// ReadFile calls do for each event of a file, from an offset on.
func ReadFile(name string, offset int64, do func(*Event)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	return Read(bufio.NewReader(file), do)
}

// Size is the offset of what is logged from now on.
func Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
