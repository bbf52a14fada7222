package db

import (
	"fmt"

	"github.com/spf13/cobra"

	"example.com/cnat-operator/internal/cli"
)

func newStatus(tool *cli.Tool) *cobra.Command {
	return &cobra.Command{
		Use:   "status NAME",
		Short: "Show how a Database is, on one screen",
		Long: `Show how a Database is, on one screen: conditions, server, release, storage, connections and backups.

It needs the right to get databases. What is used of the storage, and how many connections there are, only the
server's pod knows: that takes the right to create pods/exec, and without it the rest is shown. For scripts, kubectl
get database -o json has all but those.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, db, err := connected(command.Context(), tool, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(tool.Out, describe(tool, db, readUsage(command.Context(), cluster, db)))
			return err
		},
	}
}
