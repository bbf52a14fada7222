package at

import (
	"fmt"

	"github.com/spf13/cobra"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

func newSkip(tool *cli.Tool) *cobra.Command {
	return &cobra.Command{
		Use:               "skip CRONTAB",
		Short:             "Skip a CronTab's next run, and no other",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCronTab(tool),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			tab, err := getCronTab(command.Context(), cluster, args[0])
			if err != nil {
				return err
			}
			if tab.Status.Next == nil {
				return fmt.Errorf("crontab/%s has no next run: kubectl describe crontab %s says why", tab.Name, tab.Name)
			}
			at := &cnatv1.At{}
			if err := cluster.Get(command.Context(), cluster.Key(tab.Status.Next.Name), at); err != nil {
				return err
			}
			if at.UID != tab.Status.Next.UID {
				return fmt.Errorf("at/%s is not the next run of crontab/%s any more: try again", at.Name, tab.Name)
			}
			if at.Status.JobUID != "" || at.Status.Finished() {
				return fmt.Errorf("at/%s has started: kubectl at cancel %s stops it", at.Name, at.Name)
			}
			if err := cluster.Patch(command.Context(), at, mergePatch(at, `{"cancel":true}`)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(tool.Out, "crontab/%s skips its run of %s (at/%s)\n",
				tab.Name, tool.When(tab.Status.Next.ScheduledTime.Time), at.Name)
			return err
		},
	}
}
