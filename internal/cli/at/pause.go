package at

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/cli"
)

func newPause(tool *cli.Tool) *cobra.Command {
	command := suspend(tool, true, "paused")
	command.Use = "pause CRONTAB|AT"
	command.Short = "Keep further runs from starting"
	command.Long = `Keep further runs of a CronTab from starting, or an At. What is due to a CronTab meanwhile does not run later; an At whose
time has passed starts when it is resumed.`
	return command
}

func newResume(tool *cli.Tool) *cobra.Command {
	command := suspend(tool, false, "resumed")
	command.Use = "resume CRONTAB|AT"
	command.Short = "Let what is paused go on"
	return command
}

// suspend sets spec.suspend.
func suspend(tool *cli.Tool, to bool, done string) *cobra.Command {
	return &cobra.Command{
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCronTab(tool),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, err := tool.Connect()
			if err != nil {
				return err
			}
			tab, at, err := getEither(command.Context(), cluster, args[0])
			if err != nil {
				return err
			}
			var object client.Object = tab
			kind, already := "crontab", false
			if at != nil {
				if err := mayEdit(at); err != nil {
					return err
				}
				object, kind, already = at, "at", ptr.Deref(at.Spec.Suspend, false) == to
			} else {
				already = ptr.Deref(tab.Spec.Suspend, false) == to
			}
			said := done
			if already {
				said = "was already " + done
			} else if err := cluster.Patch(command.Context(), object, mergePatch(object, fmt.Sprintf(`{"suspend":%t}`, to))); err != nil {
				return err
			}
			_, err = fmt.Fprintf(tool.Out, "%s/%s %s\n", kind, object.GetName(), said)
			return err
		},
	}
}
