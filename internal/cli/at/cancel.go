package at

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

func newCancel(tool *cli.Tool) *cobra.Command {
	return &cobra.Command{
		Use:     "cancel AT...",
		Aliases: []string{"rm"},
		Short:   "End Ats for good: one that waits never runs, one that runs is stopped",
		Long: `End Ats for good: one that has not started never runs, one that runs is stopped gracefully. The At stays, and its
status says how it ended; kubectl delete at deletes it as well.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeAts(tool, open),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			var problems []error
			for _, arg := range args {
				at, err := getAt(command.Context(), cluster, arg)
				if err == nil {
					err = cancel(command.Context(), tool, cluster, at)
				}
				if err != nil {
					problems = append(problems, err)
				}
			}
			return errors.Join(problems...)
		},
	}
}

func cancel(ctx context.Context, tool *cli.Tool, cluster *cli.Cluster, at *cnatv1.At) error {
	if at.Status.Finished() {
		return fmt.Errorf("at/%s is over: %s", at.Name, at.Status.Phase)
	}
	before := "before it started"
	if at.Status.JobUID != "" {
		before = "while it runs"
	}
	if err := cluster.Patch(ctx, at, mergePatch(at, `{"cancel":true}`)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(tool.Out, "at/%s cancelled %s\n", at.Name, before)
	return err
}
