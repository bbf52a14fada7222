package at

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

func newShow(tool *cli.Tool) *cobra.Command {
	print := genericclioptions.NewPrintFlags("").WithTypeSetter(cli.Scheme())
	command := &cobra.Command{
		Use:               "show AT",
		Short:             "Show what an At runs, when, and how it went, as at -c",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeAts(tool, anyAt),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			at, err := getAt(command.Context(), cluster, args[0])
			if err != nil {
				return err
			}
			if *print.OutputFormat != "" {
				printer, err := print.ToPrinter()
				if err != nil {
					return err
				}
				return printer.PrintObj(at, tool.Out)
			}
			text, err := describe(tool, at)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(tool.Out, text)
			return err
		},
	}
	print.AddFlags(command)
	return command
}

// describe writes when an At runs and how it went as comments, and below them what it runs: the line for the shell as it
// is, or the containers or the template as YAML.
func describe(tool *cli.Tool, at *cnatv1.At) (string, error) {
	due := at.DueTime()
	lines := []string{
		fmt.Sprintf("at/%s in namespace %s", at.Name, at.Namespace),
		"runs at " + tool.When(due.Time),
		"phase " + strings.TrimSpace(string(phase(at))+" "+at.Status.Reason),
	}
	if at.Status.StartTime != nil {
		lines = append(lines, "started at "+tool.When(at.Status.StartTime.Time))
	}
	if at.Status.CompletionTime != nil {
		lines = append(lines, "ended at "+tool.When(at.Status.CompletionTime.Time))
	}
	if at.Status.ExitCode != nil {
		lines = append(lines, "exit code "+strconv.Itoa(int(*at.Status.ExitCode)))
	}
	if at.Status.Message != "" {
		lines = append(lines, cli.Printable(at.Status.Message))
	}
	body := at.Spec.Command + "\n"
	if at.Spec.Command == "" {
		what := map[string]any{"containers": at.Spec.Containers}
		if at.Spec.Template != nil {
			what = map[string]any{"template": at.Spec.Template}
		}
		text, err := yaml.Marshal(what)
		if err != nil {
			return "", err
		}
		body = string(text)
	}
	return "# " + strings.Join(lines, "\n# ") + "\n" + body, nil
}
