// Command kubectl-db is the plugin `kubectl db`: it works with Databases.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/cli/db"
)

// version is set when a release is built.
var version = "dev"

func main() {
	cli.Main(func(tool *cli.Tool) *cobra.Command { return db.New(tool, version) }, os.Args[1:])
}
