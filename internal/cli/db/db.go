// Package db has the commands of kubectl-db, the plugin of kubectl for Databases: one file each.
package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

// New returns the plugin.
func New(tool *cli.Tool, version string) *cobra.Command {
	command := &cobra.Command{
		Use:           "kubectl-db",
		Short:         "Work with Databases: their state, psql, logs, backups, passwords",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl db"},
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	command.SetIn(tool.In)
	command.SetOut(tool.Out)
	command.SetErr(tool.ErrOut)
	tool.Flags.AddFlags(command.PersistentFlags())
	command.AddCommand(newStatus(tool), newPsql(tool), newLogs(tool), newBackup(tool), newBackups(tool), newRestore(tool),
		newBinding(tool), newRotate(tool), newReport(tool))
	return command
}

// prefixes by which an argument may say that it names a Database, as in kubectl.
var prefixes = []string{"database", "databases", "database.example.com", "databases.example.com"}

// named returns the name in an argument NAME or database/NAME.
func named(argument string) (string, error) {
	kind, name, found := strings.Cut(argument, "/")
	switch {
	case !found:
		name = argument
	case !slices.Contains(prefixes, strings.ToLower(kind)):
		return "", fmt.Errorf("%q is no Database: write NAME or database/NAME", argument)
	}
	if name == "" {
		return "", errors.New("the name of a Database is empty")
	}
	return name, nil
}

// getDatabase reads the Database that an argument names.
func getDatabase(ctx context.Context, cluster *cli.Cluster, argument string) (*v1.Database, error) {
	name, err := named(argument)
	if err != nil {
		return nil, err
	}
	db := &v1.Database{}
	return db, cluster.Get(ctx, cluster.Key(name), db)
}

// connected returns the cluster and the Database that an argument names there.
func connected(ctx context.Context, tool *cli.Tool, argument string) (*cli.Cluster, *v1.Database, error) {
	cluster, err := tool.Connect()
	if err != nil {
		return nil, nil, err
	}
	db, err := getDatabase(ctx, cluster, argument)
	return cluster, db, err
}

// completeDatabase completes the name of one Database.
func completeDatabase(tool *cli.Tool) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		cluster, err := tool.Connect()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list := &v1.DatabaseList{}
		if err := cluster.List(command.Context(), list, client.InNamespace(cluster.Namespace)); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// annotate sets an annotation, on the object of this UID only.
func annotate(object client.Object, key, value string) client.Patch {
	return client.RawPatch(types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, object.GetUID(), key, value))
}

// pollEvery is how often a command that waits reads again.
const pollEvery = time.Second

// pause waits until the next read.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

// databaseName is the database in the server, also of a Database that the operator has not seen.
func databaseName(db *v1.Database) string {
	switch {
	case db.Status.DatabaseName != "":
		return db.Status.DatabaseName
	case db.Spec.DatabaseName != "":
		return db.Spec.DatabaseName
	default:
		return strings.ReplaceAll(db.Name, "-", "_")
	}
}
