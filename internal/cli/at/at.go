// Package at has the commands of kubectl-at, the plugin of kubectl for Ats and CronTabs: one file each.
package at

import (
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/attime"
	"example.com/cnat-operator/internal/cli"
)

// New returns the plugin.
func New(tool *cli.Tool, version string) *cobra.Command {
	command := newCreate(tool)
	command.Use, command.Annotations = "kubectl-at TIME [--image=IMAGE] [-- COMMAND [ARG...]]", map[string]string{
		cobra.CommandDisplayNameAnnotation: "kubectl at",
	}
	command.Version = version
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetIn(tool.In)
	command.SetOut(tool.Out)
	command.SetErr(tool.ErrOut)
	tool.Flags.AddFlags(command.PersistentFlags())
	command.AddCommand(newCreate(tool), newList(tool), newCancel(tool), newShow(tool), newLogs(tool), newWait(tool), newMove(tool),
		newNext(tool), newRun(tool), newSkip(tool), newPause(tool), newResume(tool), newImport(tool), newAgenda(tool))
	return command
}

// Arguments are the plugin's with "create" before a time that begins as another command does: "next friday".
func Arguments(args []string) []string {
	if len(args) > 1 && args[0] == "next" && attime.FollowsNext(args[1]) {
		return append([]string{"create"}, args...)
	}
	return args
}

const timeHelp = `TIME is written as for at(1), in your zone (set TZ for another), or in RFC 3339:
  ` + attime.Examples

// mergePatch is a patch of an object that holds only for the one of its UID.
func mergePatch(object client.Object, spec string) client.Patch {
	return client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"uid":"`+string(object.GetUID())+`"},"spec":`+spec+`}`))
}
