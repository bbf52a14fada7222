package at

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/schedule"
)

// importer is `kubectl at import`.
type importer struct {
	*cli.Tool
	name, dryRun string
	print        *genericclioptions.PrintFlags
}

func newImport(tool *cli.Tool) *cobra.Command {
	i := &importer{Tool: tool, print: genericclioptions.NewPrintFlags("created").WithTypeSetter(cli.Scheme())}
	command := &cobra.Command{
		Use:   "import cronjob/NAME",
		Short: "Create a CronTab like a CronJob, and report what differs",
		Long: `Create a CronTab that runs what a CronJob runs, when it runs it, and report what differs. It is created suspended, and
the CronJob is not touched: so nothing runs twice. The output says how to switch over.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			return i.run(command.Context(), args[0])
		},
	}
	command.Flags().StringVar(&i.name, "name", "", "the CronTab's name (default: the CronJob's)")
	command.Flags().StringVar(&i.dryRun, "dry-run", "none", "none, client (only print the CronTab) or server")
	i.print.AddFlags(command)
	return command
}

func (i *importer) run(ctx context.Context, argument string) error {
	if !slices.Contains([]string{"none", "client", "server"}, i.dryRun) {
		return fmt.Errorf("--dry-run=%s is none of none, client and server", i.dryRun)
	}
	name, err := named(argument, cronJobPrefixes...)
	if err != nil {
		return err
	}
	cluster, err := i.Connect()
	if err != nil {
		return err
	}
	job := &batchv1.CronJob{}
	if err := cluster.Get(ctx, cluster.Key(name), job); err != nil {
		return err
	}
	tab, differences := fromCronJob(job)
	if i.name != "" {
		tab.Name = i.name
	}
	switch i.dryRun {
	case "none":
		err = cluster.Create(ctx, tab)
	case "server":
		err = cluster.Create(ctx, tab, client.DryRunAll)
	}
	if err != nil {
		return err
	}
	if i.dryRun != "none" {
		if err := i.print.Complete("%s (" + i.dryRun + " dry run)"); err != nil {
			return err
		}
	}
	printer, err := i.print.ToPrinter()
	if err != nil {
		return err
	}
	if err := printer.PrintObj(tab, i.Out); err != nil {
		return err
	}
	for _, difference := range differences {
		_, _ = fmt.Fprintln(i.ErrOut, "differs:", difference)
	}
	_, err = fmt.Fprintf(i.ErrOut, `To switch over, between two runs:
  kubectl patch cronjob %s --namespace=%s --patch='{"spec":{"suspend":true}}'
  kubectl at resume ct/%s --namespace=%s
`, job.Name, job.Namespace, tab.Name, tab.Namespace)
	return err
}

// fromCronJob returns a suspended CronTab like a CronJob, and what differs between the two.
func fromCronJob(job *batchv1.CronJob) (*crontabv1.CronTab, []string) {
	spec, run := &job.Spec, &job.Spec.JobTemplate.Spec
	tab := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Name: job.Name, Namespace: job.Namespace, Labels: job.Labels}}
	tab.Spec = crontabv1.CronTabSpec{
		CronSpec:                   spec.Schedule,
		TimeZone:                   ptr.Deref(spec.TimeZone, ""),
		Suspend:                    ptr.To(true),
		ConcurrencyPolicy:          crontabv1.ConcurrencyPolicy(spec.ConcurrencyPolicy),
		StartingDeadlineSeconds:    ptr.Deref(spec.StartingDeadlineSeconds, 0),
		CatchUp:                    crontabv1.CatchUpLatest, // as a CronJob does
		SuccessfulRunsHistoryLimit: spec.SuccessfulJobsHistoryLimit,
		FailedRunsHistoryLimit:     spec.FailedJobsHistoryLimit,
	}
	template := run.Template.DeepCopy()
	tab.Spec.Template = template
	tab.Spec.ActiveDeadlineSeconds = ptr.Deref(run.ActiveDeadlineSeconds, 0)
	tab.Spec.TTLSecondsAfterFinished = run.TTLSecondsAfterFinished
	tab.Spec.BackoffLimit = ptr.To(ptr.Deref(run.BackoffLimit, 6)) // a Job's default
	differences := append(scheduleDiffers(spec), runDiffers(run, tab)...)
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return tab, differences
}

// scheduleDiffers reports what differs in when the two run.
func scheduleDiffers(spec *batchv1.CronJobSpec) []string {
	var differences []string
	if spec.TimeZone == nil {
		differences = append(differences, "the CronJob's times are in the zone of the cluster's control plane, the CronTab's are UTC: "+
			"set timeZone if that is another one")
	}
	if zone := ptr.Deref(spec.TimeZone, "UTC"); zone != "UTC" && zone != "Etc/UTC" {
		differences = append(differences, "where clocks change: a time that occurs twice the CronJob runs twice, and one that does not "+
			"exist never; the CronTab runs each once")
	}
	if _, err := schedule.Parse(spec.Schedule); err != nil {
		return append(differences, fmt.Sprintf("a CronTab does not take this schedule: %v", err))
	}
	if fields := strings.Fields(spec.Schedule); len(fields) == 5 && daysDiffer(fields[2], fields[4]) {
		differences = append(differences, "a step in one day field with the other one set: the CronJob runs on days of either, "+
			"the CronTab on days of both, as cron(8)")
	}
	return differences
}

// daysDiffer reports whether a CronJob takes days of either field and a CronTab those of both: for a CronJob, "*/2" is a set
// of days as any other.
func daysDiffer(ofMonth, ofWeek string) bool {
	any := func(field string) bool { return field == "*" || field == "?" }
	return !any(ofMonth) && !any(ofWeek) && (strings.HasPrefix(ofMonth, "*/") || strings.HasPrefix(ofWeek, "*/"))
}

// runDiffers reports what differs in what the two run, and sets what can be the same.
func runDiffers(run *batchv1.JobSpec, tab *crontabv1.CronTab) []string {
	var differences []string
	differs := func(condition bool, text string) {
		if condition {
			differences = append(differences, text)
		}
	}
	completions, parallelism := ptr.Deref(run.Completions, 1), ptr.Deref(run.Parallelism, 1)
	indexed := ptr.Deref(run.CompletionMode, batchv1.NonIndexedCompletion) == batchv1.IndexedCompletion
	if indexed && completions == parallelism {
		tab.Spec.Replicas = completions
	} else {
		differs(completions != 1 || parallelism != 1 || run.Completions == nil && run.Parallelism != nil,
			"completions and parallelism: a run of the CronTab has one pod; replicas gives it several, which run side by side")
	}
	differs(run.Template.Spec.RestartPolicy == corev1.RestartPolicyOnFailure,
		"restartPolicy OnFailure: the CronTab's containers are not restarted; a run that failed is tried again in a new pod, "+
			"as often as backoffLimit says")
	differs(*tab.Spec.BackoffLimit > 100, "backoffLimit is at most 100")
	tab.Spec.BackoffLimit = ptr.To(min(*tab.Spec.BackoffLimit, 100))
	differs(run.PodFailurePolicy != nil, "podFailurePolicy is left out")
	differs(run.SuccessPolicy != nil, "successPolicy is left out")
	differs(run.BackoffLimitPerIndex != nil || run.MaxFailedIndexes != nil, "backoffLimitPerIndex and maxFailedIndexes are left out")
	differs(run.ManagedBy != nil, "managedBy is left out")
	return differences
}
