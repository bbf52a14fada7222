package at

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

// list is `kubectl at list`, at's atq.
type list struct {
	*cli.Tool
	everywhere, over bool
	output           string
	print            *genericclioptions.PrintFlags
}

func newList(tool *cli.Tool) *cobra.Command {
	l := &list{Tool: tool, print: genericclioptions.NewPrintFlags("").WithTypeSetter(cli.Scheme())}
	command := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "q"},
		Short:   "List the Ats that wait or run, the next one first",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return l.run(command.Context())
		},
	}
	command.Flags().BoolVarP(&l.everywhere, "all-namespaces", "A", false, "list those of all namespaces")
	command.Flags().BoolVarP(&l.over, "all", "a", false, "list those as well that are over")
	command.Flags().StringVarP(&l.output, "output", "o", "", "wide, or one of "+formats(l.print))
	return command
}

func (l *list) run(ctx context.Context) error {
	cluster, err := l.Connect()
	if err != nil {
		return err
	}
	ats := &cnatv1.AtList{}
	var options []client.ListOption
	if !l.everywhere {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	if err := cluster.List(ctx, ats, options...); err != nil {
		return err
	}
	if !l.over {
		ats.Items = slices.DeleteFunc(ats.Items, func(at cnatv1.At) bool { return at.Status.Finished() })
	}
	slices.SortFunc(ats.Items, func(a, b cnatv1.At) int {
		return cmp.Or(a.DueTime().Compare(b.DueTime().Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if l.output != "" && l.output != "wide" {
		l.print.OutputFormat = &l.output
		return l.objects(ats)
	}
	if len(ats.Items) == 0 {
		_, err := fmt.Fprintln(l.ErrOut, "No Ats are due. (--all lists those as well that are over.)")
		return err
	}
	return l.table(ats)
}

// objects prints Ats in a format of kubectl's: names each on a line, others as one list.
func (l *list) objects(ats *cnatv1.AtList) error {
	printer, err := l.print.ToPrinter()
	if err != nil {
		return err
	}
	if l.output != "name" {
		return printer.PrintObj(ats, l.Out)
	}
	for i := range ats.Items {
		if err := printer.PrintObj(&ats.Items[i], l.Out); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) table(ats *cnatv1.AtList) error {
	header := []string{"NAME", "WHEN", "IN", "PHASE", "REASON"}
	if l.output == "wide" {
		header = append(header, "JOB", "EXIT CODE", "MESSAGE")
	}
	if l.everywhere {
		header = slices.Insert(header, 0, "NAMESPACE")
	}
	var rows [][]string
	for _, at := range ats.Items {
		due := at.DueTime()
		row := []string{at.Name, l.Local(due.Time), l.Distance(due.Time), string(phase(&at)), at.Status.Reason}
		if l.output == "wide" {
			code := ""
			if at.Status.ExitCode != nil {
				code = strconv.Itoa(int(*at.Status.ExitCode))
			}
			row = append(row, at.Status.JobName, code, at.Status.Message)
		}
		if l.everywhere {
			row = slices.Insert(row, 0, at.Namespace)
		}
		rows = append(rows, row)
	}
	return cli.Table(l.Out, header, rows)
}

// phase is that of an At, also of one that the operator has not seen.
func phase(at *cnatv1.At) cnatv1.AtPhase {
	return cmp.Or(at.Status.Phase, cnatv1.AtPending)
}

func formats(print *genericclioptions.PrintFlags) string {
	return fmt.Sprint(print.AllowedFormats())
}
