package at

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/agenda"
	"example.com/cnat-operator/internal/cli"
)

// longest is how far ahead an agenda goes at most.
const longest = 366 * 24 * time.Hour

// agendaCommand is `kubectl at agenda`.
type agendaCommand struct {
	*cli.Tool
	everywhere bool
	span       time.Duration
	output     string
}

func newAgenda(tool *cli.Tool) *cobra.Command {
	a := &agendaCommand{Tool: tool}
	command := &cobra.Command{
		Use:   "agenda",
		Short: "List what runs when: coming runs of Ats, CronTabs and CronJobs",
		Long: `List the coming runs of Ats, CronTabs and the cluster's CronJobs, Databases' backups among them, in order. What is
suspended is left out. -o html writes a page to look at, with past runs as well; it needs no network.`,
		Example: `  kubectl at agenda --for=72h -A
  kubectl at agenda -A -o html > agenda.html`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.run(command.Context())
		},
	}
	command.Flags().BoolVarP(&a.everywhere, "all-namespaces", "A", false, "all namespaces")
	command.Flags().DurationVar(&a.span, "for", 24*time.Hour, "how far to look ahead, as 90m or 72h")
	command.Flags().StringVarP(&a.output, "output", "o", "", "html, or a table")
	return command
}

func (a *agendaCommand) run(ctx context.Context) error {
	if a.output != "" && a.output != "html" {
		return fmt.Errorf("--output=%s is not html", a.output)
	}
	if a.span <= 0 || a.span > longest {
		return fmt.Errorf("--for=%s must be more than 0 and at most %s", a.span, longest)
	}
	cluster, err := a.Connect()
	if err != nil {
		return err
	}
	objects, err := a.objects(ctx, cluster)
	if err != nil {
		return err
	}
	now := a.Now()
	runs := agenda.Coming(*objects, now, now.Add(a.span))
	if a.output == "html" {
		return writePage(a.Out, now, now.Add(a.span), runs, objects.Ats)
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintf(a.ErrOut, "Nothing runs in the next %s. (--for looks further.)\n", duration.HumanDuration(a.span))
		return err
	}
	return cli.Table(a.Out, a.header(), a.rows(runs))
}

// objects reads what may run. Kinds that the cluster does not know, or the user may not list, are left out, and reported.
func (a *agendaCommand) objects(ctx context.Context, cluster *cli.Cluster) (*agenda.Objects, error) {
	var options []client.ListOption
	if !a.everywhere {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	ats, tabs, jobs := &cnatv1.AtList{}, &crontabv1.CronTabList{}, &batchv1.CronJobList{}
	var problem error
	lists := []client.ObjectList{ats, tabs, jobs}
	failed := 0
	for _, list := range lists {
		if err := cluster.List(ctx, list, options...); err != nil {
			failed++
			problem = err
			_, _ = fmt.Fprintln(a.ErrOut, "left out:", cli.Explain(err))
		}
	}
	if failed == len(lists) {
		return nil, problem
	}
	return &agenda.Objects{Ats: ats.Items, CronTabs: tabs.Items, CronJobs: jobs.Items}, nil
}

func (a *agendaCommand) header() []string {
	header := []string{"WHEN", "IN", "KIND", "NAME", "ZONE", "LAST", "TOOK", "NOTE"}
	if a.everywhere {
		header = slices.Insert(header, 2, "NAMESPACE")
	}
	return header
}

func (a *agendaCommand) rows(runs []agenda.Run) [][]string {
	var rows [][]string
	for _, run := range runs {
		took := ""
		if run.LastLength > 0 {
			took = duration.HumanDuration(run.LastLength)
		}
		row := []string{a.Local(run.When), a.Distance(run.When), run.Kind, run.Name, run.Zone, run.Last, took, run.Note}
		if a.everywhere {
			row = slices.Insert(row, 2, run.Namespace)
		}
		rows = append(rows, row)
	}
	return rows
}
