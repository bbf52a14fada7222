package db

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

// report is `kubectl db report`.
type report struct {
	*cli.Tool
	file string
}

func newReport(tool *cli.Tool) *cobra.Command {
	r := &report{Tool: tool}
	command := &cobra.Command{
		Use:   "report NAME [--file=FILE.zip]",
		Short: "Write a zip file for whoever helps with a Database",
		Long: `Write a zip file for whoever helps with a Database: the Database, its events, pods, StatefulSet, volume
claims, CronJob and Jobs, and the logs of their pods.

No Secret is read for it. A password in the spec is removed from every file, and so is what looks like a password in
SQL or in a URI. The server's log may have rows and statements of yours: read it before you hand it on.

It needs the right to get databases. Each of the others (to list events, pods, statefulsets, persistentvolumeclaims,
cronjobs and jobs, and to get pods/log) that is missing leaves its file out, which problems.txt in the zip says.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return r.run(command.Context(), args[0])
		},
	}
	command.Flags().StringVar(&r.file, "file", "",
		`the file to write, which must not be there; "-" is standard output (default: NAME-TIME.zip)`)
	return command
}

func (r *report) run(ctx context.Context, argument string) error {
	cluster, db, err := connected(ctx, r.Tool, argument)
	if err != nil {
		return err
	}
	if r.file == "" {
		r.file = fmt.Sprintf("%s-%s.zip", db.Name, r.Now().UTC().Format("20060102T150405Z"))
	}
	out, done, err := r.open()
	if err != nil {
		return err
	}
	c := newCollector(r.Tool, cluster, db)
	c.log = podLog(cluster)
	c.collect(ctx)
	if err := done(c.write(out)); err != nil {
		return err
	}
	for _, problem := range c.problems {
		_, _ = fmt.Fprintln(r.ErrOut, "left out:", cli.Printable(problem))
	}
	if r.file == "-" {
		return nil
	}
	_, err = fmt.Fprintf(r.Out, "wrote %s: %d files, no Secrets. The logs may have data of yours.\n", r.file, len(c.files))
	return err
}

// open returns where the zip goes, and what ends it. Nothing is overwritten, and others on the machine can't read it.
func (r *report) open() (io.Writer, func(error) error, error) {
	if r.file == "-" {
		return r.Out, func(err error) error { return err }, nil
	}
	file, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return file, func(err error) error {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			_ = os.Remove(r.file) // half a zip is none
		}
		return err
	}, nil
}

// The part of a log that is taken: its end, up to a number of lines and of bytes.
const (
	logLines = 20_000
	logBytes = 16 << 20
)

// podLog reads the end of a container's log.
func podLog(cluster *cli.Cluster) logReader {
	return func(ctx context.Context, pod *corev1.Pod, container string, previous bool) (string, error) {
		lines, limit := int64(logLines), int64(logBytes)
		log, err := cluster.Kubernetes.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: container, Previous: previous, TailLines: &lines, LimitBytes: &limit, Timestamps: true,
		}).Do(ctx).Raw()
		return string(log), err
	}
}

// logReader reads a container's log.
type logReader func(ctx context.Context, pod *corev1.Pod, container string, previous bool) (string, error)

// newCollector returns what puts a report on a Database together.
func newCollector(tool *cli.Tool, cluster *cli.Cluster, db *v1.Database) *collector {
	return &collector{
		tool: tool, cluster: cluster, db: db, now: tool.Now().UTC().Truncate(time.Second),
		scrub: newScrubber(db.Spec.Password), names: map[string]bool{},
	}
}
