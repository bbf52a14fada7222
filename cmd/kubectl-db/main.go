// Command kubectl-db is the plugin `kubectl db`: it works with Databases. Under
// the name kubectl_complete-db it completes its command line, as kubectl asks of plugins.
package main

import (
	"os"
	"path/filepath"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/cli/db"
)

// version is set when a release is built.
var version = "dev"

func main() {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	tool := cli.NewTool(streams)
	command := db.New(tool, version)
	if name := filepath.Base(os.Args[0]); strings.TrimSuffix(name, ".exe") == "kubectl_complete-db" {
		command.SetArgs(append([]string{"__complete"}, os.Args[1:]...))
	}
	os.Exit(cli.Run(command, tool))
}
