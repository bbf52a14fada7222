// Command kubectl-at is the plugin `kubectl at`: it runs something once, at a time, and works with Ats and CronTabs. Under
// the name kubectl_complete-at it completes its command line, as kubectl asks of plugins.
package main

import (
	"os"
	"path/filepath"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/cli/at"
)

// version is set when a release is built.
var version = "dev"

func main() {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	tool := cli.NewTool(streams)
	command := at.New(tool, version)
	command.SetArgs(at.Arguments(os.Args[1:]))
	if name := filepath.Base(os.Args[0]); strings.TrimSuffix(name, ".exe") == "kubectl_complete-at" {
		command.SetArgs(append([]string{"__complete"}, os.Args[1:]...))
	}
	os.Exit(cli.Run(command, tool))
}
