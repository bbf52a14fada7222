package at

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/attime"
	"example.com/cnat-operator/internal/cli"
)

// create is `kubectl at TIME`, and `kubectl at create TIME`.
type create struct {
	*cli.Tool
	touch, file, image, name, dryRun string
	print                            *genericclioptions.PrintFlags
}

func newCreate(tool *cli.Tool) *cobra.Command {
	c := &create{Tool: tool, print: genericclioptions.NewPrintFlags("created").WithTypeSetter(cli.Scheme())}
	command := &cobra.Command{
		Use:   "create TIME [--image=IMAGE] [-- COMMAND [ARG...]]",
		Short: "Run something once, at a time, in the cluster",
		Long: "Run something once, at a time, in the cluster: an At.\n\n" + timeHelp + `

What to run is the command after "--", or a line for sh -c from standard input, as for at(1). Without an image it runs in
the one that the operator's administrator chose.`,
		Example: `  kubectl at 16:00 tomorrow --image=alpine:3.22 -- wget -qO- http://shop/report
  echo 'wget -qO- http://shop/report' | kubectl at now + 20 minutes
  kubectl at -t 202707030400 -f script.sh`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			words, run := args, []string(nil)
			if dash := command.ArgsLenAtDash(); dash >= 0 {
				words, run = args[:dash], args[dash:]
			}
			return c.run(command.Context(), words, run)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&c.touch, "time", "t", "", "when, as [[CC]YY]MMDDhhmm[.ss], in place of TIME")
	flags.StringVarP(&c.file, "file", "f", "", "read the line for sh -c from this file, not from standard input")
	flags.StringVar(&c.image, "image", "", "the image to run; without a command, as it is")
	flags.StringVar(&c.name, "name", "", "the At's name (default: at- and a few characters)")
	flags.StringVar(&c.dryRun, "dry-run", "none", "none, client (only print the At) or server (let the API server check it)")
	c.print.AddFlags(command)
	return command
}

func (c *create) run(ctx context.Context, words, run []string) error {
	if !slices.Contains([]string{"none", "client", "server"}, c.dryRun) {
		return fmt.Errorf("--dry-run=%s is none of none, client and server", c.dryRun)
	}
	due, err := c.due(words)
	if err != nil {
		return err
	}
	at := &cnatv1.At{}
	at.Name = c.name
	if c.name == "" {
		at.GenerateName = "at-"
	}
	at.Spec.Schedule = &metav1.Time{Time: due.UTC()}
	if err := c.what(&at.Spec, run); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	at.Namespace = cluster.Namespace
	switch c.dryRun {
	case "none":
		err = cluster.Create(ctx, at)
	case "server":
		err = cluster.Create(ctx, at, client.DryRunAll)
	}
	if err != nil {
		return err
	}
	return c.report(at, due)
}

// due reads when to run. Nothing is asked of the cluster before that is known.
func (c *create) due(words []string) (time.Time, error) {
	switch {
	case c.touch != "" && len(words) > 0:
		return time.Time{}, fmt.Errorf("there are two times: --time=%s and %q", c.touch, strings.Join(words, " "))
	case c.touch != "":
		return attime.Touch(c.touch, c.Now())
	case len(words) == 0:
		return time.Time{}, fmt.Errorf("say when to run: kubectl at TIME. Examples: %s", attime.Examples)
	default:
		return attime.Parse(strings.Join(words, " "), c.Now())
	}
}

// what fills in what to run: a command, or a line for the shell, in an image or the administrator's.
func (c *create) what(spec *cnatv1.AtSpec, command []string) error {
	line := ""
	if len(command) == 0 {
		var err error
		if line, err = c.line(); err != nil {
			return err
		}
	}
	if c.image == "" {
		if spec.Command = line; len(command) > 0 {
			spec.Command = quoted(command)
		}
		if strings.TrimSpace(spec.Command) == "" {
			return errors.New(`say what to run: a command after "--", a line for sh -c on standard input, or --image`)
		}
		return nil
	}
	if strings.TrimSpace(line) != "" {
		command = []string{"sh", "-c", line}
	}
	spec.Containers = []corev1.Container{{Name: "run", Image: c.image, Command: command}}
	return nil
}

// line reads what is on standard input or in the file. With an image, a terminal is not asked.
func (c *create) line() (string, error) {
	if c.file != "" {
		script, err := os.ReadFile(c.file)
		return string(script), err
	}
	if _, is := cli.Terminal(c.In); is {
		if c.image != "" {
			return "", nil
		}
		_, _ = fmt.Fprintln(c.ErrOut, "Write what sh -c is to run; end it with Ctrl-D.")
	}
	script, err := io.ReadAll(c.In)
	return string(script), err
}

// quoted is a command as a line for the shell that runs just that.
func quoted(command []string) string {
	var words []string
	for _, word := range command {
		plain := word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:=,@%") == ""
		if !plain {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// report prints what was created, and when it runs, in the user's zone.
func (c *create) report(at *cnatv1.At, due time.Time) error {
	if c.dryRun != "none" {
		if err := c.print.Complete("%s (" + c.dryRun + " dry run)"); err != nil {
			return err
		}
	}
	printer, err := c.print.ToPrinter()
	if err != nil {
		return err
	}
	if format := *c.print.OutputFormat; at.Name == "" && (format == "" || format == "name") { // none was chosen yet
		at.Name = at.GenerateName + "*"
	}
	if err := printer.PrintObj(at, c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.ErrOut, "It runs at %s.\n", c.When(due))
	return err
}
