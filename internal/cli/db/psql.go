package db

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/remotecommand"

	"example.com/cnat-operator/internal/cli"
)

// psqlScript runs psql in the server's container as the Database's own user. The password comes from the Secret's file
// there, and goes on in the environment: it is in no argument, and does not leave the pod. The x keeps newlines at the
// end of the password, which a command substitution would drop. On a terminal psql pages by what an image may not have:
// then it pages nothing.
const psqlScript = `password=$(cat /run/credentials/password && printf x) || exit 1
export PGPASSWORD="${password%x}" PGHOST=/var/run/postgresql PGUSER="$DATABASE_USER" PGDATABASE="$DATABASE_NAME"
export PSQL_HISTORY=/dev/null
command -v "${PAGER:-pager}" > /dev/null || export PSQL_PAGER=
exec psql "$@"`

// psql is `kubectl db psql`.
type psql struct {
	*cli.Tool
	statements []string
}

func newPsql(tool *cli.Tool) *cobra.Command {
	p := &psql{Tool: tool}
	command := &cobra.Command{
		Use:   "psql NAME [-c SQL] [-- ARG...]",
		Short: "Run psql in the server's pod, as the Database's own user",
		Long: `Run psql in the server's pod, as the Database's own user. Arguments after -- are psql's. The exit code
is psql's.

It needs the right to create pods/exec. The password stays in the pod. SQL given by -c is part of the request to the
API server, whose audit log may have it: what is secret goes through standard input.`,
		Example: `  kubectl db psql shop
  kubectl db psql shop -c 'SELECT now()'
  kubectl db psql shop -- --csv <report.sql`,
		Args:              psqlArguments,
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return p.run(command.Context(), args[0], args[1:])
		},
	}
	command.Flags().StringArrayVarP(&p.statements, "command", "c", nil, "run this SQL, and end; may be repeated")
	return command
}

// psqlArguments are a name, and psql's own behind --.
func psqlArguments(command *cobra.Command, args []string) error {
	if before := command.ArgsLenAtDash(); before == 0 || before > 1 || before < 0 && len(args) != 1 {
		return fmt.Errorf("one NAME is expected, and arguments for psql after --: kubectl db psql NAME -- ARG")
	}
	return nil
}

func (p *psql) run(ctx context.Context, name string, args []string) error {
	cluster, db, err := connected(ctx, p.Tool, name)
	if err != nil {
		return err
	}
	command := psqlCommand(p.statements, args)
	if p.session() {
		return exitOf(interactive(ctx, p.Tool, func(options remotecommand.StreamOptions) error {
			return execute(ctx, cluster, db, command, options)
		}))
	}
	options := remotecommand.StreamOptions{Stdin: p.In, Stdout: cli.Untrusted(p.Out), Stderr: cli.Untrusted(p.ErrOut)}
	if len(p.statements) > 0 {
		options.Stdin = nil // as psql -c, which leaves it to a loop around it
	}
	return exitOf(execute(ctx, cluster, db, command, options))
}

// session reports whether input and output are a terminal: then the pod gets one, too.
func (p *psql) session() bool {
	_, in := cli.Terminal(p.In)
	_, out := cli.Terminal(p.Out)
	return in && out && len(p.statements) == 0
}

// psqlCommand is what runs in the pod. Arguments are handed on as arguments, never as a part of the script.
func psqlCommand(statements, args []string) []string {
	command := []string{"sh", "-c", psqlScript, "psql"}
	for _, statement := range statements {
		command = append(command, "-c", statement)
	}
	return append(command, args...)
}
