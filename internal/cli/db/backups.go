package db

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// backups is `kubectl db backups`.
type backups struct {
	*cli.Tool
	output string
}

func newBackups(tool *cli.Tool) *cobra.Command {
	b := &backups{Tool: tool}
	command := &cobra.Command{
		Use:   "backups NAME [-o wide|name|json]",
		Short: "List the backups that the cluster knows of, the newest first",
		Long: `List the backups that the cluster knows of, the newest first: that of the Database's status, and those
whose Jobs are still there. The volume with the dumps may have older ones, up to spec.backup.retain.

It needs the right to get databases. Without the rights to list jobs and pods it shows what the status has.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return b.run(command.Context(), args[0])
		},
	}
	command.Flags().StringVarP(&b.output, "output", "o", "", "wide, name (of good dumps, for restore --from), or json")
	return command
}

func (b *backups) run(ctx context.Context, name string) error {
	if !slices.Contains([]string{"", "wide", "name", "json"}, b.output) {
		return fmt.Errorf("-o %s: it must be wide, name or json", b.output)
	}
	cluster, db, err := connected(ctx, b.Tool, name)
	if err != nil {
		return err
	}
	jobs, pods := &batchv1.JobList{}, &corev1.PodList{}
	options := []client.ListOption{client.InNamespace(db.Namespace), client.MatchingLabels{
		dbname.LabelDatabase: db.Name, dbname.LabelComponent: dbname.ComponentBackup,
	}}
	// What can't be read is not shown, and that is said.
	if err := errors.Join(cluster.List(ctx, jobs, options...), cluster.List(ctx, pods, options...)); err != nil {
		_, _ = fmt.Fprintln(b.ErrOut, "only a part is shown:", cli.Printable(cli.Explain(err).Error()))
	}
	return b.print(db, runsOf(db, jobs.Items, pods.Items))
}

// run is what is known of one backup.
type run struct {
	// Dump is the file's name, for restore --from; it is empty where there is none, or its pod is not there any more.
	Dump string `json:"dump,omitempty"`
	// State is Succeeded, Failed or Running.
	State string `json:"state"`
	// Time is when it ended, or when it began while it runs.
	Time  metav1.Time `json:"time"`
	Bytes int64       `json:"bytes,omitempty"`
	// Restored is whether it was restored into a scratch server, which proves that it can be.
	Restored bool   `json:"restored"`
	Job      string `json:"job,omitempty"`
	Message  string `json:"message,omitempty"`
}

// The states of a backup.
const (
	succeeded = "Succeeded"
	failed    = "Failed"
	running   = "Running"
)

// runsOf returns the backups, the newest first.
func runsOf(db *v1.Database, jobs []batchv1.Job, pods []corev1.Pod) []run {
	var runs []run
	for i := range jobs {
		if owned(&jobs[i], db) {
			runs = append(runs, runOf(&jobs[i], pods))
		}
	}
	seen := db.Status.Backup
	if seen.LastSuccessTime != nil {
		noted := run{
			Dump: seen.LastSuccessName, State: succeeded, Time: *seen.LastSuccessTime, Bytes: seen.LastSuccessBytes,
			Restored: seen.LastSuccessRestoredTime != nil,
		}
		i := slices.IndexFunc(runs, func(r run) bool {
			return r.State == succeeded && (r.Dump != "" && r.Dump == noted.Dump || r.Dump == "" && r.Time.Equal(&noted.Time))
		})
		if i < 0 {
			runs = append(runs, noted)
		} else {
			noted.Job = runs[i].Job
			runs[i] = noted
		}
	}
	isNoted := func(r run) bool { return r.State == failed && r.Time.Equal(seen.LastFailureTime) }
	if i := slices.IndexFunc(runs, isNoted); i >= 0 {
		runs[i].Message = seen.LastFailureMessage
	} else if seen.LastFailureTime != nil {
		runs = append(runs, run{State: failed, Time: *seen.LastFailureTime, Message: seen.LastFailureMessage})
	}
	slices.SortFunc(runs, func(a, b run) int {
		return cmp.Or(b.Time.Compare(a.Time.Time), cmp.Compare(b.Dump, a.Dump), cmp.Compare(a.Job, b.Job))
	})
	return runs
}

// owned reports whether a Job is of the Database, or of its CronJob: anybody may set the label.
func owned(job *batchv1.Job, db *v1.Database) bool {
	owner := metav1.GetControllerOf(job)
	return owner != nil && (owner.UID == db.UID || owner.Kind == "CronJob" && owner.Name == dbname.Backup(db.Name))
}

// runOf reads one Job, and what its pod reported.
func runOf(job *batchv1.Job, pods []corev1.Pod) run {
	result := run{State: running, Time: job.CreationTimestamp, Job: job.Name}
	if job.Status.StartTime != nil {
		result.Time = *job.Status.StartTime
	}
	end := ended(job)
	if end == nil {
		return result
	}
	result.Time, result.State = end.LastTransitionTime, failed
	if end.Type == batchv1.JobFailed {
		result.Message = end.Message
		return result
	}
	result.State = succeeded
	for i := range pods {
		if !metav1.IsControlledBy(&pods[i], job) {
			continue
		}
		for _, container := range pods[i].Status.ContainerStatuses {
			if last := container.State.Terminated; last != nil && last.ExitCode == 0 {
				result.read(last.Message)
			}
		}
	}
	return result
}

// read takes the line that a backup leaves. A pod of another image may leave another.
func (r *run) read(line string) {
	var left struct {
		Name     string `json:"name"`
		Bytes    int64  `json:"bytes"`
		Restored bool   `json:"restored"`
	}
	if json.Unmarshal([]byte(line), &left) == nil && left.Name != "" {
		r.Dump, r.Bytes, r.Restored = left.Name, left.Bytes, left.Restored
	}
}

func (b *backups) print(db *v1.Database, runs []run) error {
	switch b.output {
	case "json":
		encoder := json.NewEncoder(b.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(append([]run{}, runs...))
	case "name":
		for _, run := range runs {
			if run.Dump != "" {
				if _, err := fmt.Fprintln(b.Out, cli.Printable(run.Dump)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintf(b.ErrOut, "No backups of database/%s are known.\n", db.Name)
		return err
	}
	header := []string{"DUMP", "STATE", "TIME", "AGE", "SIZE", "VERIFIED"}
	if b.output == "wide" {
		header = append(header, "JOB", "MESSAGE")
	}
	var rows [][]string
	for _, run := range runs {
		row := []string{run.Dump, run.State, run.Time.UTC().Format(time.RFC3339), b.Distance(run.Time.Time), "", ""}
		if run.State == succeeded && run.Bytes > 0 {
			row[4], row[5] = bytesOf(run.Bytes), map[bool]string{true: "Restored", false: "Read"}[run.Restored]
		}
		if b.output == "wide" {
			row = append(row, run.Job, run.Message)
		}
		rows = append(rows, row)
	}
	return cli.Table(b.Out, header, rows)
}
