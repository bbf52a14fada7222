package at

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

// logs is `kubectl at logs`.
type logs struct {
	*cli.Tool
	follow    bool
	container string
}

func newLogs(tool *cli.Tool) *cobra.Command {
	l := &logs{Tool: tool}
	command := &cobra.Command{
		Use:               "logs AT",
		Short:             "Print what a run wrote",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeAts(tool, anyAt),
		RunE: func(command *cobra.Command, args []string) error {
			return l.run(command.Context(), args[0])
		},
	}
	command.Flags().BoolVarP(&l.follow, "follow", "f", false, "wait for the run, and print until it is over")
	command.Flags().StringVarP(&l.container, "container", "c", "", "print only this container's log")
	return command
}

func (l *logs) run(ctx context.Context, argument string) error {
	cluster, err := l.Connect()
	if err != nil {
		return err
	}
	at, err := getAt(ctx, cluster, argument)
	if err != nil {
		return err
	}
	f := &follower{Tool: l.Tool, cluster: cluster, container: l.container, printed: map[string]bool{}}
	if l.follow {
		if at.Status.JobUID == "" {
			l.waitsFor(at)
		}
		if at, err = f.follow(ctx, at); err != nil {
			return goOn(ctx, err, "logs -f "+argument, cluster)
		}
	} else if err := f.stream(ctx, at, false); err != nil {
		return err
	}
	f.streams.Wait()
	if err := errors.Join(f.problems...); err != nil || len(f.printed) > 0 {
		return err
	}
	due := at.DueTime()
	switch {
	case at.Status.JobUID == "" && !at.Status.Finished():
		return fmt.Errorf("at/%s has not started: it runs at %s; -f waits for it", at.Name, l.When(due.Time))
	case l.container != "":
		return fmt.Errorf("at/%s has no container %s that has started", at.Name, l.container)
	default:
		return fmt.Errorf("at/%s has no log: %s %s %s", at.Name, phase(at), at.Status.Reason, cli.Printable(at.Status.Message))
	}
}

func (l *logs) waitsFor(at *cnatv1.At) {
	due := at.DueTime()
	_, _ = fmt.Fprintf(l.ErrOut, "at/%s runs at %s.\n", at.Name, l.When(due.Time))
}

// goOn says, after Ctrl-C, that the run goes on, and how to look at it again.
func goOn(ctx context.Context, err error, command string, cluster *cli.Cluster) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("the run goes on; to go on looking: kubectl at %s --namespace=%s", command, cluster.Namespace)
}
