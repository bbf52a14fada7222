// Package testenv starts an API server with the project's CRDs, and the policy that confines the operator's account, for
// the tests of a package. There is no kubelet and no controller: the tests play those.
package testenv

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// root is the repository's root, seen from the folder of a package, where its tests run.
func root() string {
	path := "."
	for range 5 {
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
			return path
		}
		path = filepath.Join(path, "..")
	}
	return path
}

// Run starts an API server, hands its address to ready, runs the tests and
// stops it. The result is the exit code. Without the binaries of an API server
// and etcd, in KUBEBUILDER_ASSETS or the repository's bin, it fails. With TEST_LOG
// set, the operators' log is shown.
func Run(m *testing.M, ready func(*rest.Config) error) (code int) {
	log.SetLogger(logr.Discard()) // the tests say what is wrong
	if os.Getenv("TEST_LOG") != "" {
		log.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil)))
	}
	root := root()
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		BinaryAssetsDirectory: cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin")),
	}
	defer func() { // also after a start that failed half-way, as for a CRD that is refused
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
			code = 1
		}
	}()
	config, err := environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "These tests need kube-apiserver and etcd in bin/; `make envtest-bin` builds them:", err)
		return 1
	}
	config.QPS = -1
	if err := errors.Join(confine(config), ready(config)); err != nil {
		fmt.Fprintln(os.Stderr, "preparing the tests:", err)
		return 1
	}
	return m.Run()
}
