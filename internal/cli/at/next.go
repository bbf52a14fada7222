package at

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/schedule"
)

// mostRuns bounds how many runs are listed.
const mostRuns = 10_000

func newNext(tool *cli.Tool) *cobra.Command {
	count := 0
	command := &cobra.Command{
		Use:   "next CRONTAB [-n COUNT]",
		Short: "List when a CronTab runs next",
		Long: `List when a CronTab runs next: in your zone, in its own, and what a change of clocks has to do with it.

A number after -n is how many runs to list (default 10); anything else is the namespace, as for the other commands.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCronTab(tool),
		RunE: func(command *cobra.Command, args []string) error {
			if number, err := strconv.Atoi(*tool.Flags.Namespace); err == nil {
				count, *tool.Flags.Namespace = number, ""
			}
			if count < 1 || count > mostRuns {
				return fmt.Errorf("the number of runs is %d and must be 1 to %d", count, mostRuns)
			}
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			tab, err := getCronTab(command.Context(), cluster, args[0])
			if err != nil {
				return err
			}
			return next(tool, tab, count)
		},
	}
	command.Flags().IntVar(&count, "count", 10, "how many runs to list")
	return command
}

func next(tool *cli.Tool, tab *crontabv1.CronTab, count int) error {
	calendar, err := schedule.Of(tab)
	if err != nil {
		return err
	}
	if ptr.Deref(tab.Spec.Suspend, false) {
		_, _ = fmt.Fprintf(tool.ErrOut, "crontab/%s is suspended: none of these runs starts until it is resumed.\n", tab.Name)
	}
	var rows [][]string
	for after := tool.Now(); len(rows) < count; {
		run, found := calendar.Next(after)
		if !found {
			break
		}
		after = run.Scheduled
		rows = append(rows, []string{tool.Local(run.At), tool.Distance(run.At), run.Scheduled.Format(time.RFC3339), calendar.Note(run)})
	}
	if len(rows) == 0 {
		return errors.New("it never runs again")
	}
	zone := tab.Spec.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return cli.Table(tool.Out, []string{"WHEN", "IN", "SCHEDULED (" + zone + ")", "NOTE"}, rows)
}
