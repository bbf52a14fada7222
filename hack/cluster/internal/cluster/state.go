// Package cluster brings the cluster up and down and reports how it is.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/machine"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// initName is what the node's first process is called, so that it is found even
// where the record of it is lost.
const initName = "cnat-cluster-node"

// record is what the machine knows of its cluster.
type record struct {
	// Node is the node's first process.
	Node machine.Process
	// Checkout is the folder whose `up` started it.
	Checkout string
	// Fingerprint is of the plan it was started with.
	Fingerprint string
	Started     time.Time
	// Complete: everything was up once.
	Complete bool
}

func recordFile() string { return spec.State("cluster.json") }

// readRecord returns nil where there is no record, or one that was cut off.
func readRecord() (*record, error) {
	data, err := os.ReadFile(recordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cluster's record: %w", err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, nil // what is left of it is cleaned up like any other remains
	}
	return &r, nil
}

func (r record) write() error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the cluster's record: %w", err)
	}
	return writeFile(recordFile(), data, 0o644)
}

// writeFile replaces a file at once.
func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	if err := os.WriteFile(name+".new", data, mode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
