package db

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"example.com/cnat-operator/internal/cli"
)

func newBinding(tool *cli.Tool) *cobra.Command {
	output := "uri"
	command := &cobra.Command{
		Use:   "binding NAME [-o uri|env|json]",
		Short: "Print what a client needs to connect, the password included",
		Long: `Print what a client needs to connect, the password included: the URI, variables for a shell, or JSON.

It needs the right to get the Secret of the binding (status.binding). The host is for clients inside the cluster.`,
		Example: `  eval "$(kubectl db binding shop -o env)"
  kubectl db binding shop -o json | jq -r .password`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, db, err := connected(command.Context(), tool, args[0])
			if err != nil {
				return err
			}
			name := db.Status.Binding.Name
			if name == "" {
				return fmt.Errorf("database/%s has no binding yet: %s", db.Name, cli.Printable(db.Status.Message))
			}
			secret := &corev1.Secret{}
			if err := cluster.Get(command.Context(), cluster.Key(name), secret); err != nil {
				return err
			}
			if !metav1.IsControlledBy(secret, db) {
				return fmt.Errorf("the Secret %s is not that of database/%s: it has another owner", name, db.Name)
			}
			text, err := bindingText(secret.Data, output)
			if err != nil {
				return err
			}
			return writeSecret(tool.Out, text)
		},
	}
	command.Flags().StringVarP(&output, "output", "o", output, "uri; env, for eval by a shell; or json")
	if err := command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]cobra.Completion{"uri", "env", "json"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	return command
}

// variables are libpq's, and the one that many frameworks read, by the binding's keys.
var variables = []struct{ name, key string }{
	{"PGHOST", "host"},
	{"PGPORT", "port"},
	{"PGDATABASE", "database"},
	{"PGUSER", "username"},
	{"PGPASSWORD", "password"},
	{"PGSSLMODE", "sslmode"},
	{"DATABASE_URL", "uri"},
}

// bindingText writes a binding in a format.
func bindingText(binding map[string][]byte, output string) (string, error) {
	switch output {
	case "uri":
		return string(binding["uri"]) + "\n", nil
	case "env":
		var text strings.Builder
		for _, variable := range variables {
			if value, found := binding[variable.key]; found {
				fmt.Fprintf(&text, "export %s=%s\n", variable.name, shellQuoted(string(value)))
			}
		}
		return text.String(), nil
	case "json":
		values := map[string]string{}
		for key, value := range binding {
			if !utf8.Valid(value) {
				return "", fmt.Errorf("%s is not UTF-8, which JSON can't have: use -o env", key)
			}
			values[key] = string(value)
		}
		text, err := json.MarshalIndent(values, "", "  ")
		return string(text) + "\n", err
	default:
		return "", fmt.Errorf("-o %s: it must be uri, env or json", output)
	}
}

// shellQuoted is a word of a POSIX shell that means the text, whatever is in it.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// writeSecret writes a text that must not be changed. A terminal does not get what it would obey.
func writeSecret(to io.Writer, text string) error {
	if _, is := cli.Terminal(to); is && strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) {
		return errors.New("it has control characters, which a terminal obeys: write it to a file or a pipe")
	}
	_, err := io.WriteString(to, text)
	return err
}
