package at

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/cli"
)

// run is `kubectl at run`.
type run struct {
	*cli.Tool
	cluster *cli.Cluster
	follow  bool
}

func newRun(tool *cli.Tool) *cobra.Command {
	r := &run{Tool: tool}
	command := &cobra.Command{
		Use:   "run CRONTAB|AT",
		Short: "Run a CronTab once more, or an At, now",
		Long: `Run a CronTab once more now, or an At now that waits for its time. With -f, wait for the run, print its log and
exit with its exit code.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeCronTab(tool),
		RunE: func(command *cobra.Command, args []string) error {
			var err error
			if r.cluster, err = tool.Connect(); err != nil {
				return err
			}
			return r.run(command.Context(), args[0])
		},
	}
	command.Flags().BoolVarP(&r.follow, "follow", "f", false, "wait for the run and print its log; the exit code is the run's")
	return command
}

func (r *run) run(ctx context.Context, argument string) error {
	tab, at, err := getEither(ctx, r.cluster, argument)
	if err != nil {
		return err
	}
	if at != nil {
		err = r.now(ctx, at)
	} else {
		at, err = r.again(ctx, tab)
	}
	if err != nil || !r.follow {
		return err
	}
	f := &follower{Tool: r.Tool, cluster: r.cluster, printed: map[string]bool{}}
	ended, err := f.follow(ctx, at)
	if err != nil {
		return goOn(ctx, err, "logs -f at/"+at.Name, r.cluster)
	}
	return outcome(ended)
}

// now lets an At run at once.
func (r *run) now(ctx context.Context, at *cnatv1.At) error {
	if ptr.Deref(at.Spec.Suspend, false) {
		return fmt.Errorf("at/%s is suspended: kubectl at resume at/%s first", at.Name, at.Name)
	}
	return move(ctx, r.Tool, r.cluster, at, r.Now(), "is to run now")
}

// again asks for one more run of a CronTab. Where it is followed, its At is returned once it is there.
func (r *run) again(ctx context.Context, tab *crontabv1.CronTab) (*cnatv1.At, error) {
	request := r.Now().UTC().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, tab.UID, crontabv1.AnnotationRunRequest, request)
	if err := r.cluster.Patch(ctx, tab, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(r.Out, "crontab/%s is to run now\n", tab.Name); err != nil || !r.follow {
		return nil, err
	}
	said := ""
	for {
		at, err := r.requested(ctx, tab, request)
		if at != nil || err != nil {
			return at, goOn(ctx, err, "list", r.cluster)
		}
		stalled := meta.FindStatusCondition(tab.Status.Conditions, crontabv1.ConditionStalled)
		if stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Message != said {
			said = stalled.Message
			_, _ = fmt.Fprintf(r.ErrOut, "crontab/%s: %s: %s\n", tab.Name, stalled.Reason, cli.Printable(said))
		}
		if err := pause(ctx); err != nil {
			return nil, goOn(ctx, err, "list", r.cluster)
		}
	}
}

// requested is the At that was created for a request, or none yet. It reads the CronTab as well.
func (r *run) requested(ctx context.Context, tab *crontabv1.CronTab, request string) (*cnatv1.At, error) {
	if err := r.cluster.Get(ctx, client.ObjectKeyFromObject(tab), tab); err != nil {
		return nil, err
	}
	ats := &cnatv1.AtList{}
	if err := r.cluster.List(ctx, ats, client.InNamespace(tab.Namespace)); err != nil {
		return nil, err
	}
	for i, at := range ats.Items {
		if metav1.IsControlledBy(&at, tab) && at.Annotations[crontabv1.AnnotationRunRequest] == request {
			return &ats.Items[i], nil
		}
	}
	return nil, nil
}
