package at

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/cli"
)

// The prefixes by which a command's argument says what it names, as in kubectl.
var (
	atPrefixes      = []string{"at", "ats", "at.cnat.programming-kubernetes.info", "ats.cnat.programming-kubernetes.info"}
	cronTabPrefixes = []string{"ct", "crontab", "crontabs", "crontab.stable.example.com", "crontabs.stable.example.com"}
	cronJobPrefixes = []string{"cj", "cronjob", "cronjobs", "cronjob.batch", "cronjobs.batch"}
)

// named returns the name in an argument NAME or KIND/NAME, where KIND must be one of some.
func named(argument string, prefixes ...string) (string, error) {
	kind, name, found := strings.Cut(argument, "/")
	switch {
	case !found:
		return argument, nil
	case !slices.Contains(prefixes, strings.ToLower(kind)):
		return "", fmt.Errorf("%q is none of the kinds that this command works with: write NAME or %s/NAME", argument, prefixes[0])
	default:
		return name, nil
	}
}

// getAt reads the At that an argument names.
func getAt(ctx context.Context, cluster *cli.Cluster, argument string) (*cnatv1.At, error) {
	name, err := named(argument, atPrefixes...)
	if err != nil {
		return nil, err
	}
	at := &cnatv1.At{}
	return at, cluster.Get(ctx, cluster.Key(name), at)
}

// getCronTab reads the CronTab that an argument names.
func getCronTab(ctx context.Context, cluster *cli.Cluster, argument string) (*crontabv1.CronTab, error) {
	name, err := named(argument, cronTabPrefixes...)
	if err != nil {
		return nil, err
	}
	tab := &crontabv1.CronTab{}
	return tab, cluster.Get(ctx, cluster.Key(name), tab)
}

// getEither reads the CronTab or the At that an argument names. One of the two results is nil.
func getEither(ctx context.Context, cluster *cli.Cluster, argument string) (*crontabv1.CronTab, *cnatv1.At, error) {
	kind, _, hasKind := strings.Cut(argument, "/")
	if hasKind && slices.Contains(atPrefixes, strings.ToLower(kind)) {
		at, err := getAt(ctx, cluster, argument)
		return nil, at, err
	}
	tab, err := getCronTab(ctx, cluster, argument)
	if hasKind || !apierrors.IsNotFound(err) && err != nil {
		return tab, nil, err
	}
	at, errAt := getAt(ctx, cluster, argument)
	switch {
	case err == nil && errAt == nil:
		return nil, nil, fmt.Errorf("there is a CronTab and an At of the name %q: write ct/%s or at/%s", argument, argument, argument)
	case err == nil:
		return tab, nil, nil
	case apierrors.IsNotFound(errAt):
		return nil, nil, fmt.Errorf("there is neither a CronTab nor an At of the name %q in namespace %s", argument, cluster.Namespace)
	default:
		return nil, at, errAt
	}
}

// completeAts completes the names of Ats that meet a condition.
func completeAts(tool *cli.Tool, wanted func(*cnatv1.At) bool) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		cluster, err := tool.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ats := &cnatv1.AtList{}
		if err := cluster.List(command.Context(), ats, client.InNamespace(cluster.Namespace)); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, at := range ats.Items {
			if wanted(&at) && !slices.Contains(args, at.Name) {
				names = append(names, at.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeCronTab completes the name of one CronTab.
func completeCronTab(tool *cli.Tool) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		cluster, err := tool.Connect()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		tabs := &crontabv1.CronTabList{}
		if err := cluster.List(command.Context(), tabs, client.InNamespace(cluster.Namespace)); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, tab := range tabs.Items {
			names = append(names, tab.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func anyAt(*cnatv1.At) bool { return true }

// open reports whether an At is not over.
func open(at *cnatv1.At) bool { return !at.Status.Finished() }
