package db

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// logs is `kubectl db logs`.
type logs struct {
	*cli.Tool
	follow, previous bool
	tail             int64
	since            time.Duration
}

func newLogs(tool *cli.Tool) *cobra.Command {
	l := &logs{Tool: tool}
	command := &cobra.Command{
		Use:               "logs NAME",
		Short:             "Print the server's log",
		Long:              "Print the server's log. It needs the right to get pods/log.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return l.run(command.Context(), args[0])
		},
	}
	command.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on printing what the server writes")
	command.Flags().BoolVarP(&l.previous, "previous", "p", false, "print the log of the server before its last restart")
	command.Flags().Int64Var(&l.tail, "tail", -1, "print only so many lines of the end (default: all)")
	command.Flags().DurationVar(&l.since, "since", 0, "print only what is newer, as 10m (default: all)")
	return command
}

func (l *logs) run(ctx context.Context, name string) error {
	cluster, db, err := connected(ctx, l.Tool, name)
	if err != nil {
		return err
	}
	pods := cluster.Kubernetes.CoreV1().Pods(db.Namespace)
	log, err := pods.GetLogs(dbname.Pod(db.Name), l.options()).Stream(ctx)
	if err != nil {
		return err
	}
	_, err = io.Copy(cli.Untrusted(l.Out), log)
	return errors.Join(err, log.Close())
}

func (l *logs) options() *corev1.PodLogOptions {
	options := &corev1.PodLogOptions{Container: dbname.ServerContainer, Follow: l.follow, Previous: l.previous}
	if l.tail >= 0 {
		options.TailLines = &l.tail
	}
	if l.since > 0 {
		options.SinceSeconds = ptr.To(max(1, int64(l.since.Seconds())))
	}
	return options
}
