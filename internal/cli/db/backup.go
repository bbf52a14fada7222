package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// backup is `kubectl db backup`.
type backup struct {
	*cli.Tool
	follow  bool
	timeout time.Duration
}

func newBackup(tool *cli.Tool) *cobra.Command {
	b := &backup{Tool: tool}
	command := &cobra.Command{
		Use:   "backup NAME",
		Short: "Ask for a backup now",
		Long: `Ask for a backup now, by the annotation` + v1.AnnotationBackupRequest + `. It is made once the server is ready.
With -f, wait until it is over, and print how it ended; the exit code is 1 if it failed.

It needs the right to patch databases, and for -f also to get jobs.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return b.run(command.Context(), args[0])
		},
	}
	command.Flags().BoolVarP(&b.follow, "follow", "f", false, "wait until the backup is over")
	command.Flags().DurationVar(&b.timeout, "timeout", 0, "how long to wait, as 90s or 2h (default: until it is over)")
	return command
}

func (b *backup) run(ctx context.Context, name string) error {
	cluster, db, err := connected(ctx, b.Tool, name)
	if err != nil {
		return err
	}
	if db.Spec.Backup == nil {
		return fmt.Errorf("database/%s has nowhere to put backups: set spec.backup, for example to {}", db.Name)
	}
	request := b.Now().UTC().Format(time.RFC3339Nano)
	if err := cluster.Patch(ctx, db, annotate(db, v1.AnnotationBackupRequest, request)); err != nil {
		return err
	}
	if !b.follow {
		_, err := fmt.Fprintf(b.Out, "database/%s: asked for a backup; kubectl db status %s shows it\n", db.Name, db.Name)
		return err
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if b.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, b.timeout)
	}
	defer cancel()
	err = b.wait(limited, cluster, db, request)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the backup goes on; how it ends is in kubectl db status %s --namespace=%s", db.Name, db.Namespace)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the backup is not over after %s: %s", b.timeout, cli.Printable(waitsFor(db)))
	default:
		return err
	}
}

// settleWithin is how long the operator may take to note a Job's end. Where it does not, the Job's own word is printed.
const settleWithin = 30 * time.Second

// wait follows a request to its end. One that is replaced by another before it was taken up is over with that one.
func (b *backup) wait(ctx context.Context, cluster *cli.Cluster, db *v1.Database, request string) error {
	uid, said := db.UID, ""
	var settles time.Time
	for {
		job := &batchv1.Job{}
		err := cluster.Get(ctx, cluster.Key(dbname.BackupJob(db.Name, uid, request)), job)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		missing := apierrors.IsNotFound(err)
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(db), db); err != nil {
			return err
		}
		newer := db.Annotations[v1.AnnotationBackupRequest]
		switch {
		case db.UID != uid || db.DeletionTimestamp != nil:
			return fmt.Errorf("database/%s was deleted", db.Name)
		case missing && db.Status.Backup.LastRequest == request:
			return errors.New("the Job of the backup is not there, or was deleted before its end was seen")
		case missing && newer != "" && newer != request:
			request = newer
		case !missing && ended(job) != nil:
			if settles.IsZero() {
				settles = b.Now().Add(settleWithin)
			}
			if over, err := outcome(db, ended(job), b.Now().After(settles)); over != "" || err != nil {
				return b.report(db, over, err)
			}
		}
		if waits := waitsFor(db); waits != said {
			said = waits
			_, _ = fmt.Fprintf(b.ErrOut, "database/%s: %s\n", db.Name, cli.Printable(waits))
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func (b *backup) report(db *v1.Database, over string, err error) error {
	if err == nil {
		_, err = fmt.Fprintf(b.Out, "database/%s: %s\n", db.Name, cli.Printable(over))
	}
	return err
}

// ended is the condition by which a Job is over, or nil.
func ended(job *batchv1.Job) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		condition := &job.Status.Conditions[i]
		over := condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed
		if over && condition.Status == corev1.ConditionTrue {
			return condition
		}
	}
	return nil
}

// outcome is how a backup ended, or an error that says why it failed, as the operator noted it; neither where it has
// not yet, unless it had long enough for that.
func outcome(db *v1.Database, end *batchv1.JobCondition, late bool) (string, error) {
	seen := db.Status.Backup
	at := end.LastTransitionTime
	if end.Type == batchv1.JobFailed {
		message := end.Message
		switch {
		case seen.LastFailureTime.Equal(&at):
			message = seen.LastFailureMessage
		case !late && (seen.LastFailureTime == nil || seen.LastFailureTime.Before(&at)):
			return "", nil
		}
		return "", fmt.Errorf("the backup of database/%s failed: %s", db.Name, cli.Printable(message))
	}
	switch {
	case seen.LastSuccessTime.Equal(&at) && seen.LastSuccessName != "":
		return fmt.Sprintf("backed up: %s, %s", seen.LastSuccessName, bytesOf(seen.LastSuccessBytes)), nil
	case !late && (seen.LastSuccessTime == nil || seen.LastSuccessTime.Before(&at)):
		return "", nil
	default:
		return "backed up", nil
	}
}

// waitsFor says what a backup waits for.
func waitsFor(db *v1.Database) string {
	if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) {
		return fmt.Sprintf("the backup waits for the server: %s: %s", db.Status.Reason, db.Status.Message)
	}
	healthy := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionBackupHealthy)
	if healthy != nil && healthy.Status == metav1.ConditionFalse {
		return "the backup is under way: " + healthy.Message
	}
	return "the backup is under way"
}
