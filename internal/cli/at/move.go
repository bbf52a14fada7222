package at

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

func newMove(tool *cli.Tool) *cobra.Command {
	var touch string
	command := &cobra.Command{
		Use:               "move AT TIME",
		Short:             "Let an At run at another time",
		Long:              "Let an At that has not started run at another time.\n\n" + timeHelp,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeAts(tool, open),
		RunE: func(command *cobra.Command, args []string) error {
			due, err := (&create{Tool: tool, touch: touch}).due(args[1:])
			if err != nil {
				return err
			}
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			at, err := getAt(command.Context(), cluster, args[0])
			if err != nil {
				return err
			}
			return move(command.Context(), tool, cluster, at, due, "moved")
		},
	}
	command.Flags().StringVarP(&touch, "time", "t", "", "when, as [[CC]YY]MMDDhhmm[.ss], in place of TIME")
	return command
}

// move lets an At run at another time. Whether it has started the API server knows best; asking before gives a better error.
func move(ctx context.Context, tool *cli.Tool, cluster *cli.Cluster, at *cnatv1.At, due time.Time, done string) error {
	if err := mayEdit(at); err != nil {
		return err
	}
	spec := fmt.Sprintf(`{"schedule":%q,"after":null}`, due.UTC().Format(time.RFC3339Nano))
	if err := cluster.Patch(ctx, at, mergePatch(at, spec)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(tool.Out, "at/%s %s: it runs at %s\n", at.Name, done, tool.When(due))
	return err
}

// mayEdit reports why a user can't decide when an At runs.
func mayEdit(at *cnatv1.At) error {
	owner := metav1.GetControllerOf(at)
	switch {
	case at.Status.Finished():
		return fmt.Errorf("at/%s is over (%s): create a new one", at.Name, at.Status.Phase)
	case at.Status.JobUID != "":
		return fmt.Errorf("at/%s has started", at.Name)
	case owner != nil && owner.Kind == "CronTab":
		return fmt.Errorf("at/%s is a run of crontab/%s: see kubectl at run, skip, pause and resume ct/%s", at.Name, owner.Name, owner.Name)
	default:
		return nil
	}
}
