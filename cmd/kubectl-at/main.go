// Command kubectl-at is the plugin `kubectl at`: it runs something once, at a time, and works with Ats and CronTabs.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/cli/at"
)

// version is set when a release is built.
var version = "dev"

func main() {
	cli.Main(func(tool *cli.Tool) *cobra.Command { return at.New(tool, version) }, at.Arguments(os.Args[1:]))
}
