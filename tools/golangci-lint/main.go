// Command golangci-lint is golangci-lint with the Kubernetes API linter linked
// in. Upstream's own way to add a linter, `golangci-lint custom`, clones from
// git hosts; this needs the Go module proxy only.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter" // registers the linter "kubeapilinter"
)

const module = "github.com/golangci/golangci-lint/v2"

func main() {
	info := commands.BuildInfo{Version: version(), GoVersion: runtime.Version(), Commit: "?", Date: "?"}
	if err := commands.Execute(info); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "golangci-lint: %v\n", err)
		os.Exit(exitcodes.Failure)
	}
}

// version is the one that go.mod pins.
func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, dep := range build.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return "unknown"
}
