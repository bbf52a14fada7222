package at

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

func newWait(tool *cli.Tool) *cobra.Command {
	var timeout time.Duration
	command := &cobra.Command{
		Use:               "wait AT",
		Short:             "Wait until a run is over; the exit code is the run's",
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
			if err := waitUntilOver(command.Context(), cluster, at, timeout); err != nil {
				return goOn(command.Context(), err, "wait "+args[0], cluster)
			}
			if err := outcome(at); err != nil {
				return err
			}
			_, err = fmt.Fprintf(tool.Out, "at/%s %s\n", at.Name, at.Status.Phase)
			return err
		},
	}
	command.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait, as 90s or 2h (default: until it is over)")
	return command
}

// waitUntilOver waits until an At is over, and reads it; a timeout of zero is none.
func waitUntilOver(ctx context.Context, cluster *cli.Cluster, at *cnatv1.At, timeout time.Duration) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	for {
		err := cluster.Get(limited, client.ObjectKeyFromObject(at), at)
		if err == nil && at.Status.Finished() {
			return nil
		}
		if err == nil {
			err = pause(limited)
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("at/%s is not over after %s: it is %s %s", at.Name, timeout, phase(at), at.Status.Reason)
		}
		if err != nil {
			return err
		}
	}
}
